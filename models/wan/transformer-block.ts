/**
 * A layer of the Wan transformer (diffusers `WanTransformerBlock`): self-attention with 3-D RoPE, cross-attention to
 * the prompt and, where the checkpoint takes one, to a picture, and a feed-forward network.
 */
import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import { normModulate } from '../../kernels/norm-modulate/op.ts'
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import type { Graph, Value } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, slice, split, unsqueeze } from '../../src/graph/ops/layout.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { linear } from '../../src/nn/linear.ts'
import { normWeight, rmsNormLayer } from '../../src/nn/normalization.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'

export interface BlockConditions {
  /** Six modulations of every frame, f32 [batch, frames, 6, model]. */
  readonly time: Value
  readonly rotary: { cos: Value; sin: Value }
  readonly context: Context
}

/** Keys and values of a layer's cross-attention, [batch, rows, model]: of the prompt, and of a picture. */
export interface Context {
  readonly text: { readonly key: Value; readonly value: Value; readonly bias: Value }
  readonly image: { readonly key: Value; readonly value: Value } | undefined
}

/** x [batch, frames, height·width, model] → the same. */
export function transformerBlock(
  scope: Scope,
  x: Value,
  conditions: BlockConditions,
  config: WanTransformerConfig,
): Value {
  const table = scope.weight('scale_shift_table', [1, 6, modelWidth(config)], { dtype: 'f32' })
  const [shift, scale, gate, ffShift, ffScale, ffGate] = split(add(conditions.time, table), 2, 6) as SixValues // [batch, frames, 1, model]
  const adaptive = { norm: 'layer', epsilon: config.eps, offset: 1 } as const

  const selfInput = normModulate(x, { scale, shift }, adaptive)
  const attended = scope.in('attn1', attn => selfAttention(attn, selfInput, conditions.rotary, config))
  const withSelf = gatedResidual(x, attended, gate)

  const crossInput = config.cross_attn_norm ? crossAttentionNorm(scope, withSelf, config) : withSelf
  const crossed = scope.in('attn2', attn => crossAttention(attn, crossInput, conditions.context, config))
  const withCross = add(withSelf, crossed)

  const ffInput = normModulate(withCross, { scale: ffScale, shift: ffShift }, adaptive)
  const fed = scope.in('ffn', ffn => feedForward(ffn, ffInput, config.ffn_dim))
  return gatedResidual(withCross, fed, ffGate)
}

type SixValues = [Value, Value, Value, Value, Value, Value]

/** x [batch, frames, pixels, model] → the same; all tokens of all frames see each other. */
function selfAttention(
  scope: Scope,
  x: Value,
  rotary: BlockConditions['rotary'],
  config: WanTransformerConfig,
): Value {
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
  { text, image }: Context,
  config: WanTransformerConfig,
): Value {
  const model = modelWidth(config)
  const heads = config.num_attention_heads
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const query = rmsNormLayer(scope, 'norm_q', linear(scope, 'to_q', tokens, model), config.eps)
  const fromText = attention(query, text.key, text.value, { heads, bias: text.bias })
  const mixed = image ? add(fromText, attention(query, image.key, image.value, { heads })) : fromText
  return reshapeLike(linear(scope, 'to_out.0', mixed, model), x)
}

/** Layer normalisation with the weight and bias of `norm2`, computed in f32, given back in x's dtype. */
function crossAttentionNorm(scope: Scope, x: Value, config: WanTransformerConfig): Value {
  return scope.in('norm2', layer => {
    const weight = (name: string) => layer.weight(name, [modelWidth(config)], { dtype: 'f32' })
    const affine = { scale: weight('weight'), shift: weight('bias') }
    return normModulate(x, affine, { norm: 'layer', epsilon: config.eps, offset: 0 })
  })
}

/** Inputs `<layer>.key` and `<layer>.value`, and for a picture `<layer>.image_key` and `<layer>.image_value`. */
export function contextInputs(
  graph: Graph,
  layer: string,
  textBias: Value,
  config: WanTransformerConfig,
): Context {
  const input = (name: string, rows: string) => {
    return cast(graph.input(`${layer}.${name}`, 'f32', ['batch', rows, modelWidth(config)]), graph.precision)
  }
  const pair = (prefix: string, rows: string) => {
    return { key: input(`${prefix}key`, rows), value: input(`${prefix}value`, rows) }
  }
  return {
    text: { ...pair('', 'text'), bias: textBias },
    image: config.added_kv_proj_dim ? pair('image_', 'image') : undefined,
  }
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
