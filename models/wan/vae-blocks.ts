/**
 * The pieces of the Wan video VAE (diffusers `autoencoder_kl_wan.py`). Frames are laid out as a batch of pictures,
 * [frames, channels, height, width]: what the network does within a frame is then a 2-D op, and a causal 3-D
 * convolution is a 2-D one over the channels of three consecutive frames.
 */

import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { conv2d, upsampleNearest2x } from '../../src/graph/ops/convolution.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { concat, reshape, reshapeLike, split, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { type CausalCaches, causalConv, causalConvAfterNorm } from '../../src/nn/causal-conv.ts'
import { channelNorm } from '../../src/nn/channel-norm.ts'
import { pointwiseConv } from '../../src/nn/conv3d.ts'
import { linear } from '../../src/nn/linear.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** Which part of a clip a graph is for. */
export type Chunk = 'first' | 'next'

export interface Level {
  readonly width: number
  /** Whether this level ends with a change of height and width, and of the number of frames. */
  readonly changesSize: boolean
  readonly changesTime: boolean
}

/** Two causal 3×3×3 convolutions, each after a norm and SiLU, plus the input. */
export function residualBlock(scope: Scope, x: Value, out: number, caches: CausalCaches): Value {
  const shortcut = dimAt(x, 1) === out ? x : pointwiseConv(scope, 'conv_shortcut', x, out)
  const first = causalConvAfterNorm(scope, { norm: 'norm1', conv: 'conv1' }, x, out, caches)
  const second = causalConvAfterNorm(scope, { norm: 'norm2', conv: 'conv2' }, first, out, caches)
  return add(second, shortcut)
}

/** Self-attention of one head among the pixels of each frame. */
export function pixelAttention(scope: Scope, x: Value): Value {
  const channels = Number(dimAt(x, 1))
  const pixels = transpose(channelNorm(scope, 'norm', x, 3), [0, 2, 3, 1]) // [frames, h, w, channels]
  const rows = reshape(pixels, ['=', '*', channels]) // [frames, h·w, channels]
  const joined = linear(scope, 'to_qkv', rows, 3 * channels, { stored: [3 * channels, channels, 1, 1] })
  const [query, key, value] = split(joined, 2, 3) as [Value, Value, Value]
  const mixed = attention(query, key, value, { heads: 1 }) // [frames, h·w, channels]
  const projected = linear(scope, 'proj', mixed, channels, { stored: [channels, channels, 1, 1] })
  return add(transpose(reshapeLike(projected, pixels), [0, 3, 1, 2]), x)
}

/** Residual blocks in a row. */
export function residualBlocks(
  scope: Scope,
  x: Value,
  width: number,
  count: number,
  caches: CausalCaches,
): Value {
  let value = x
  for (let index = 0; index < count; index++) {
    value = scope.in(`resnets.${index}`, block => residualBlock(block, value, width, caches))
  }
  return value
}

/** Residual block, attention, residual block at the lowest resolution. */
export function middleBlock(scope: Scope, x: Value, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  const before = scope.in('resnets.0', block => residualBlock(block, x, channels, caches))
  const attended = scope.in('attentions.0', block => pixelAttention(block, before))
  return scope.in('resnets.1', block => residualBlock(block, attended, channels, caches))
}

/**
 * Doubles height and width, and the number of frames where `time` is set: a causal convolution gives two frames
 * for each. The first frame of a clip is not doubled and is not part of that convolution's past.
 */
export function upsample(scope: Scope, x: Value, out: number, time: boolean, caches: CausalCaches): Value {
  const doubled = time ? doubleFrames(scope, x, caches) : x
  return scope.in('resample.1', layer => {
    const weight = layer.weight('weight', [out, Number(dimAt(x, 1)), 3, 3])
    return conv2d(upsampleNearest2x(doubled), weight, layer.weight('bias', [out]), { padding: [1, 1, 1, 1] })
  })
}

function doubleFrames(scope: Scope, x: Value, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  if (caches.first) {
    caches.skip(() => multiply(concat([x, x], 0), 0))
    return x
  }
  const pairs = causalConv(scope, 'time_conv', x, 2 * channels, 1, caches) // [frames, 2·channels, h, w]
  return splitFrames(pairs, 2)
}

/** [frames, parts·channels, h, w] → [parts·frames, channels, h, w], the parts of a frame in order: the same bytes. */
export function splitFrames(x: Value, parts: number): Value {
  return reshape(x, ['*', Number(dimAt(x, 1)) / parts, '=', '='])
}

/** A number of every channel, [channels, 1, 1, 1]. */
export function perChannel(graph: Graph, numbers: readonly number[]): Value {
  return graph.constant(tensor('f32', [numbers.length, 1, 1, 1], Float32Array.from(numbers)))
}
