/**
 * The layers of the Wan transformer (diffusers `WanTransformerBlock`): self-attention with 3-D RoPE, cross-attention to
 * the prompt and, where the checkpoint takes one, to a picture, and a feed-forward network; and what comes before and
 * after them: patches, time, positions, projection.
 */
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { type Residual, residualNorm, residualSum } from '../../kernels/residual-norm/op.ts'
import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, slice, split, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { linear } from '../../src/nn/linear.ts'
import { normWeight, rmsNormLayer } from '../../src/nn/normalization.ts'
import type { RotaryTables } from '../../src/nn/rotary-inputs.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'
import type { KeysAndValues } from './context.ts'

export interface BlockConditions {
  /** Six modulations of every frame, f32 [batch, frames, 6, model]. */
  readonly time: Value
  readonly rotary: RotaryTables
  readonly context: Context
}

/** What a cross-attention sees in its scope: of the prompt, and of a picture. */
export interface Context {
  readonly text: (attn: Scope) => KeysAndValues
  /** [batch, 1, tokens, text], see `textBias`. */
  readonly textBias: Value
  readonly image: ((attn: Scope) => KeysAndValues) | undefined
}

/** x [batch, frames, height·width, model], with what the layer before adds to it → the same, with what this one adds. */
export function transformerBlock(
  scope: Scope,
  x: Residual,
  conditions: BlockConditions,
  config: WanTransformerConfig,
): Residual {
  const table = scope.weight('scale_shift_table', [1, 6, modelWidth(config)], { dtype: 'f32' })
  const [shift, scale, gate, ffShift, ffScale, ffGate] = split(add(conditions.time, table), 2, 6) as SixValues // [batch, frames, 1, model]
  const adaptive = { norm: 'layer', epsilon: config.eps, offset: 1 } as const

  const entry = residualNorm(x, { scale, shift }, adaptive)
  const attended = scope.in('attn1', attn => {
    return selfAttention(attn, entry.normalized, conditions.rotary, config)
  })

  const withSelf = crossAttentionEntry(scope, { rows: entry.rows, update: attended, gate }, config)
  const crossed = scope.in('attn2', attn => {
    return crossAttention(attn, withSelf.normalized, conditions.context, config)
  })

  const crossSum = { rows: withSelf.rows, update: crossed }
  const withCross = residualNorm(crossSum, { scale: ffScale, shift: ffShift }, adaptive)
  const fed = scope.in('ffn', ffn => feedForward(ffn, withCross.normalized, config.ffn_dim))
  return { rows: withCross.rows, update: fed, gate: ffGate }
}

type SixValues = [Value, Value, Value, Value, Value, Value]

/** x [batch, frames, pixels, model] → the same; all tokens of all frames see each other. */
function selfAttention(scope: Scope, x: Value, rotary: RotaryTables, config: WanTransformerConfig): Value {
  const heads = config.num_attention_heads
  const model = modelWidth(config)
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const projected = {
    query: linear(scope, 'to_q', tokens, model),
    key: linear(scope, 'to_k', tokens, model),
  }
  const scales = { query: normWeight(scope, 'norm_q', tokens), key: normWeight(scope, 'norm_k', tokens) }
  const options = { epsilon: config.eps, headDim: config.attention_head_dim }
  const { query, key } = qkNormRope(projected, scales, rotary, options)
  const mixed = attention(query, key, linear(scope, 'to_v', tokens, model), { heads }) // [batch, tokens, model]
  return reshapeLike(linear(scope, 'to_out.0', mixed, model), x)
}

/**
 * x [batch, frames, pixels, model] → the same; every token sees every row of the prompt, padding included (as the
 * network was trained), and apart from that every row of the picture.
 */
function crossAttention(
  scope: Scope,
  x: Value,
  { text, textBias, image }: Context,
  config: WanTransformerConfig,
): Value {
  const model = modelWidth(config)
  const heads = config.num_attention_heads
  const attended = ({ key, value }: KeysAndValues, bias?: Value) => {
    return attention(query, key, value, { heads, ...(bias && { bias }) })
  }
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const query = rmsNormLayer(scope, 'norm_q', linear(scope, 'to_q', tokens, model), config.eps)
  const fromText = attended(text(scope), textBias)
  const mixed = image ? add(fromText, attended(image(scope))) : fromText
  return reshapeLike(linear(scope, 'to_out.0', mixed, model), x)
}

/** The sum, and its layer normalisation with the weight and bias of `norm2`, where there is one. */
function crossAttentionEntry(
  scope: Scope,
  x: Residual,
  config: WanTransformerConfig,
): { rows: Value; normalized: Value } {
  if (!config.cross_attn_norm) {
    const rows = residualSum(x)
    return { rows, normalized: rows }
  }
  return scope.in('norm2', layer => {
    const weight = (name: string) => layer.weight(name, [modelWidth(config)], { dtype: 'f32' })
    const affine = { scale: weight('weight'), shift: weight('bias') }
    return residualNorm(x, affine, { norm: 'layer', epsilon: config.eps, offset: 0 })
  })
}

/**
 * Input `text.bias` f32 [batch, text]: what is added to the scores of every row of the prompt. Rows that are equal are
 * given once, with the logarithm of their number: exp(s + ln n) = n · exp(s).
 * @param rotary a table of [batch, tokens, …], which says how many queries there are
 * @returns [batch, 1, tokens, text]
 */
export function textBias(graph: Graph, rotary: Value): Value {
  const perRow = graph.input('text.bias', 'f32', ['batch', 'text'])
  const perQuery = multiply(slice(rotary, 2, 0, 1), 0) // [batch, tokens, 1]
  const bias = add(unsqueeze(perRow, 1), perQuery) // [batch, tokens, text]
  return cast(unsqueeze(bias, 1), graph.precision)
}

/** An input of the latents' layout, each axis cut into patches: f32 [batch, channels, frames, pt, height, ph, width, pw]. */
export function latentInput(
  graph: Graph,
  name: string,
  channels: number,
  config: WanTransformerConfig,
): Value {
  const [pt, ph, pw] = config.patch_size
  return graph.input(name, 'f32', ['batch', channels, 'frames', pt, 'height', ph, 'width', pw])
}

/** A convolution whose stride is its kernel is a linear layer over the pixels of a patch. */
export function patchEmbedding(
  scope: Scope,
  name: string,
  latents: Value,
  config: WanTransformerConfig,
): Value {
  const [pt, ph, pw] = config.patch_size
  const channels = Number(dimAt(latents, 1))
  const pixels = channels * pt * ph * pw
  const patches = transpose(latents, [0, 2, 4, 6, 1, 3, 5, 7]) // [batch, frames, height, width, channels, pt, ph, pw]
  const rows = reshape(patches, ['=', '=', '*', pixels]) // [batch, frames, height·width, channels·pt·ph·pw]
  const stored = [modelWidth(config), channels, pt, ph, pw]
  return linear(scope, name, cast(rows, scope.graph.precision), modelWidth(config), { stored })
}

/** [batch, frames, height·width, model] → [batch, frames, height·width, pt·ph·pw·channels] */
export function outputProjection(
  scope: Scope,
  x: Residual,
  time: Value,
  config: WanTransformerConfig,
): Value {
  const model = modelWidth(config)
  const [pt, ph, pw] = config.patch_size
  const table = scope.weight('scale_shift_table', [1, 2, model], { dtype: 'f32' })
  const [shift, scale] = split(add(unsqueeze(time, 2), table), 2, 2) as [Value, Value] // [batch, frames, 1, model]
  const norm = { norm: 'layer', epsilon: config.eps, offset: 1 } as const
  const { normalized } = residualNorm(x, { scale, shift }, norm)
  return linear(scope, 'proj_out', normalized, (config.out_channels ?? config.in_channels) * pt * ph * pw)
}

/** [batch, frames, height·width, pt·ph·pw·channels] → the axes of the latents. */
export function unpatchify(rows: Value, latents: Value): Value {
  const patches = transpose(latents, [0, 2, 4, 6, 3, 5, 7, 1]) // [batch, frames, height, width, pt, ph, pw, channels]
  return transpose(reshapeLike(rows, patches), [0, 7, 1, 4, 2, 5, 3, 6])
}
