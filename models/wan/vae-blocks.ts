/**
 * The pieces of the Wan video VAE (diffusers `autoencoder_kl_wan.py`). Frames are laid out as a batch of pictures,
 * [frames, channels, height, width]: what the network does within a frame is then a 2-D op, and a causal 3-D
 * convolution is a 2-D one over the channels of three consecutive frames.
 */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, split, transpose } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { type CausalCaches, causalConv } from '../../src/nn/causal-conv.ts'
import { channelNorm } from '../../src/nn/channel-norm.ts'
import { pointwiseConv } from '../../src/nn/conv3d.ts'
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
