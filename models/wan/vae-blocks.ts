/**
 * The pieces of the Wan video VAE (diffusers `autoencoder_kl_wan.py`). Frames are laid out as a batch of pictures,
 * [frames, channels, height, width]: what the network does within a frame is then a 2-D op, and a causal 3-D
 * convolution is a 2-D one over the channels of three consecutive frames.
 */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { conv2d, depthToSpace, upsampleNearest2x } from '../../src/graph/ops/convolution.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import {
  concat,
  gather,
  padBefore,
  reshape,
  reshapeLike,
  slice,
  split,
  transpose,
} from '../../src/graph/ops/layout.ts'
import { averagePool, meanOver } from '../../src/graph/ops/pooling.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { type CausalCaches, causalConv } from '../../src/nn/causal-conv.ts'
import { channelNorm } from '../../src/nn/channel-norm.ts'
import { frameWindows, pointwiseConv, windowConv } from '../../src/nn/conv3d.ts'
import { linear } from '../../src/nn/linear.ts'

/** Two causal 3×3×3 convolutions, each after a norm and SiLU, plus the input. */
export function residualBlock(scope: Scope, x: Value, out: number, caches: CausalCaches): Value {
  const shortcut = dimAt(x, 1) === out ? x : pointwiseConv(scope, 'conv_shortcut', x, out)
  const first = causalConv(scope, 'conv1', silu(channelNorm(scope, 'norm1', x, 4)), out, 3, caches)
  const second = causalConv(scope, 'conv2', silu(channelNorm(scope, 'norm2', first, 4)), out, 3, caches)
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

/**
 * Halves height and width, and the number of frames where `time` is set, by a causal convolution of stride 2 over
 * the frames. The first frame of a clip passes it untouched.
 */
export function downsample(scope: Scope, x: Value, time: boolean, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  const halved = scope.in('resample.1', layer => {
    const weight = layer.weight('weight', [channels, channels, 3, 3])
    return conv2d(x, weight, layer.weight('bias', [channels]), { stride: 2, padding: [0, 0, 1, 1] })
  }) // [frames, channels, h/2, w/2]
  if (!time) return halved
  if (caches.first) {
    caches.skip(() => halved)
    return halved
  }
  const history = caches.prepend(halved, 1) // [2·n + 1, channels, h/2, w/2]
  return windowConv(scope, 'time_conv', frameWindows(history, 2), channels, { kernel: 1 })
}

/**
 * The parameter-free shortcut upwards (DC-AE, Chen et al. 2024; `DupUp3D`): channels are repeated and dealt out to
 * twice the height and width, and to `timeFactor` frames. `like` is the main path's result.
 */
export function duplicateUp(x: Value, like: Value, timeFactor: 1 | 2, first: boolean): Value {
  const channels = Number(dimAt(x, 1))
  const out = Number(dimAt(like, 1))
  const repeats = (out * timeFactor * 4) / channels
  const source = Array.from({ length: channels * repeats }, (_, index) => Math.floor(index / repeats))
  const repeated = gather(x, x.graph.ints(source), 1) // [frames, out·timeFactor·4, h, w]
  const spread = depthToSpace(repeated, 2) // [frames, out·timeFactor, 2h, 2w]
  if (timeFactor === 1) return spread
  // The channels are (out, time): bring them to (time, out), so that time can join the frames.
  const byTime = x.graph.ints(interleaved(timeFactor, out))
  const frames = splitFrames(gather(spread, byTime, 1), 2) // [2·frames, out, 2h, 2w]
  return first ? slice(frames, 0, 1) : frames
}

/**
 * The parameter-free shortcut downwards (`AvgDown3D`): pixels and frames that fall together become channels, and
 * groups of neighbouring channels are averaged. `like` is the main path's result.
 */
export function averageDown(x: Value, like: Value, timeFactor: 1 | 2, spaceFactor: 1 | 2): Value {
  const channels = Number(dimAt(x, 1))
  const out = Number(dimAt(like, 1))
  const group = (channels * timeFactor * spaceFactor * spaceFactor) / out
  if (group % (spaceFactor * spaceFactor) !== 0) {
    throw x.graph.invalid(
      'AvgDown3D',
      `groups that hold whole ${spaceFactor}×${spaceFactor} windows`,
      `${group}`,
    )
  }
  const pooled = spaceFactor === 1 ? x : averagePool(x, spaceFactor) // [frames, channels, h/s, w/s]
  const even = timeFactor === 2 && dimAt(x, 0) === 1 ? padBefore(pooled, 0, 1) : pooled
  const joined = reshape(even, ['*', timeFactor * channels, '=', '=']) // [n, (time, channels), h/s, w/s]
  const byChannel = joined.graph.ints(interleaved(channels, timeFactor))
  const ordered = timeFactor === 1 ? joined : gather(joined, byChannel, 1) // [n, (channels, time), h/s, w/s]
  const groups = reshape(ordered, ['=', out, group / (spaceFactor * spaceFactor), '*']) // [n, out, members, pixels]
  return reshapeLike(meanOver(groups, 2), like)
}

/** [frames, parts·channels, h, w] → [parts·frames, channels, h, w], the parts of a frame in order: the same bytes. */
function splitFrames(x: Value, parts: number): Value {
  return reshape(x, ['*', Number(dimAt(x, 1)) / parts, '=', '='])
}

/** Where to pick from, so that channels laid out as (columns, rows) come out as (rows, columns). */
function interleaved(rows: number, columns: number): number[] {
  return Array.from(
    { length: rows * columns },
    (_, index) => (index % columns) * rows + Math.floor(index / columns),
  )
}
