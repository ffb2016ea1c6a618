/** Residual blocks of causal video autoencoders (diffusers' `WanResidualBlock`, `HunyuanVideo15ResnetBlock`). */
import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { attention } from '../graph/ops/attention.ts'
import { add } from '../graph/ops/elementwise.ts'
import { reshape, reshapeLike, split, transpose } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import { type CausalCaches, causalConvAfterNorm } from './causal-conv.ts'
import { channelNorm } from './channel-norm.ts'
import { pointwiseConv } from './conv3d.ts'
import { linear } from './linear.ts'

/** What follows the name of a convolution, where its weights are one scope further down. @default nothing */
export type ConvSuffix = '' | '.conv'

/** Two causal 3×3×3 convolutions, each after a norm and SiLU, plus the input: [frames, in, h, w] → [frames, out, h, w]. */
export function residualBlock(
  scope: Scope,
  x: Value,
  out: number,
  caches: CausalCaches,
  suffix: ConvSuffix = '',
): Value {
  const shortcut = dimAt(x, 1) === out ? x : pointwiseConv(scope, 'conv_shortcut', x, out)
  const first = causalConvAfterNorm(scope, { norm: 'norm1', conv: `conv1${suffix}` }, x, out, caches)
  const second = causalConvAfterNorm(scope, { norm: 'norm2', conv: `conv2${suffix}` }, first, out, caches)
  return add(second, shortcut)
}

/** Residual blocks in a row. */
export function residualBlocks(
  scope: Scope,
  x: Value,
  out: number,
  count: number,
  caches: CausalCaches,
  suffix: ConvSuffix = '',
): Value {
  let value = x
  for (let index = 0; index < count; index++) {
    value = scope.in(`resnets.${index}`, block => residualBlock(block, value, out, caches, suffix))
  }
  return value
}

/** Residual block, attention, residual block at the lowest resolution. */
export function middleBlock(
  scope: Scope,
  x: Value,
  caches: CausalCaches,
  attend: (scope: Scope, x: Value) => Value,
  suffix: ConvSuffix = '',
): Value {
  const channels = Number(dimAt(x, 1))
  const before = scope.in('resnets.0', block => residualBlock(block, x, channels, caches, suffix))
  const attended = scope.in('attentions.0', block => attend(block, before))
  return scope.in('resnets.1', block => residualBlock(block, attended, channels, caches, suffix))
}

/** Self-attention of one head among the pixels of each frame (diffusers' `WanAttentionBlock`): x [frames, channels, h, w] → the same. */
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

/** [frames, parts·channels, h, w] → [parts·frames, channels, h, w], the parts of a frame in order: the same bytes. */
export function splitFrames(x: Value, parts: number): Value {
  return reshape(x, ['*', Number(dimAt(x, 1)) / parts, '=', '='])
}
