/**
 * A layer of a video diffusion transformer (diffusers `WanTransformerBlock`, `LTXVideoTransformerBlock`): self-attention with
 * 3-D RoPE, cross-attention to what the video is made from, feed-forward; adaptive norms around them.
 */
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { type Residual, residualNorm, residualSum } from '../../kernels/residual-norm/op.ts'
import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { type AttentionOptions, attention } from '../graph/ops/attention.ts'
import { add } from '../graph/ops/elementwise.ts'
import { reshape, reshapeLike } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import type { KeysAndValues } from './cross-context.ts'
import { feedForward } from './feed-forward.ts'
import { linear } from './linear.ts'
import { tableModulations } from './modulation.ts'
import { normWeight, rmsNormLayer } from './normalization.ts'
import type { RotaryTables } from './rotary-inputs.ts'

export interface VideoBlockOptions {
  readonly heads: number
  readonly headDim: number
  /** Of the norms of queries and keys, over the whole width. */
  readonly queryKeyEpsilon: number
  /** Whether queries, keys and values have a bias. @default true */
  readonly bias?: boolean
  /** Whether the projection after an attention has one. @default true */
  readonly outBias?: boolean
  /** The norms before self-attention and feed-forward. */
  readonly norm: 'layer' | 'rms'
  readonly epsilon: number
  /** Whether a layer norm with weights, `norm2`, comes before the cross-attention. */
  readonly crossNorm: boolean
  readonly feedForward: { readonly name: string; readonly hidden: number }
  /** Shape of the table of the six modulations in the checkpoint. */
  readonly stored: readonly number[]
}

/** What a layer sees beside its tokens. */
export interface BlockConditions {
  /** Six modulations of every frame, f32 [batch, frames, 6, model]. */
  readonly time: Value
  readonly rotary: RotaryTables
  /** What the cross-attention attends to, each apart from the others, in its scope. */
  readonly seen: readonly ((attn: Scope) => SeenRows)[]
}

/** Keys and values, and which of their rows count how much. */
export type SeenRows = KeysAndValues & Pick<AttentionOptions, 'bias' | 'keyLengths'>

/**
 * All tokens of all frames see each other.
 * @param x [batch, frames, pixels, model], with what the layer before adds to it
 * @returns the same, with what this one adds
 */
export function videoBlock(
  scope: Scope,
  x: Residual,
  { time, rotary, seen }: BlockConditions,
  options: VideoBlockOptions,
): Residual {
  const rows = tableModulations(scope, 'scale_shift_table', time, options.stored)
  const [shift, scale, gate, ffShift, ffScale, ffGate] = rows as [Value, Value, Value, Value, Value, Value]
  const adaptive = { norm: options.norm, epsilon: options.epsilon, offset: 1 } as const

  const entry = residualNorm(x, { scale, shift }, adaptive)
  const attended = scope.in('attn1', attn => selfAttention(attn, entry.normalized, rotary, options))

  const withSelf = crossEntry(scope, { rows: entry.rows, update: attended, gate }, options)
  const crossed = scope.in('attn2', attn => crossAttention(attn, withSelf.normalized, seen, options))

  const crossSum = { rows: withSelf.rows, update: crossed }
  const withCross = residualNorm(crossSum, { scale: ffScale, shift: ffShift }, adaptive)
  const { name, hidden } = options.feedForward
  const fed = scope.in(name, layers => feedForward(layers, withCross.normalized, hidden))
  return { rows: withCross.rows, update: fed, gate: ffGate }
}

/** x [batch, frames, pixels, model] → the same. */
function selfAttention(scope: Scope, x: Value, rotary: RotaryTables, options: VideoBlockOptions): Value {
  const { heads, headDim, queryKeyEpsilon: epsilon, bias = true } = options
  const model = heads * headDim
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const project = (name: string) => linear(scope, name, tokens, model, { bias })
  const projected = { query: project('to_q'), key: project('to_k') }
  const scales = { query: normWeight(scope, 'norm_q', tokens), key: normWeight(scope, 'norm_k', tokens) }
  const { query, key } = qkNormRope(projected, scales, rotary, { epsilon, headDim })
  return attentionOutput(scope, attention(query, key, project('to_v'), { heads }), x, options)
}

/** x [batch, frames, pixels, model] → the same; every token sees the rows of each of `seen`, whose results are added. */
function crossAttention(
  scope: Scope,
  x: Value,
  seen: BlockConditions['seen'],
  options: VideoBlockOptions,
): Value {
  const { heads, headDim, queryKeyEpsilon, bias = true } = options
  const model = heads * headDim
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const projected = linear(scope, 'to_q', tokens, model, { bias })
  const query = rmsNormLayer(scope, 'norm_q', projected, queryKeyEpsilon)
  const mixed = seen.map(rowsOf => {
    const { key, value, ...masks } = rowsOf(scope)
    return attention(query, key, value, { heads, ...masks })
  }) // [batch, tokens, model] each
  return attentionOutput(scope, mixed.reduce(add), x, options)
}

/** [batch, tokens, model] → the axes of x. */
function attentionOutput(scope: Scope, mixed: Value, x: Value, { outBias = true }: VideoBlockOptions): Value {
  return reshapeLike(linear(scope, 'to_out.0', mixed, Number(dimAt(mixed, 2)), { bias: outBias }), x)
}

/** The sum, and its layer normalisation with the weight and bias of `norm2`, where there is one. */
function crossEntry(
  scope: Scope,
  x: Residual,
  { crossNorm, epsilon }: VideoBlockOptions,
): { rows: Value; normalized: Value } {
  if (!crossNorm) {
    const rows = residualSum(x)
    return { rows, normalized: rows }
  }
  return scope.in('norm2', layer => {
    const weight = (name: string) => layer.weight(name, [Number(dimAt(x.rows, -1))], { dtype: 'f32' })
    const affine = { scale: weight('weight'), shift: weight('bias') }
    return residualNorm(x, affine, { norm: 'layer', epsilon, offset: 0 })
  })
}
