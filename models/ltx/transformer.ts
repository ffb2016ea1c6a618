/**
 * The LTX-Video transformer (HaCohen et al. 2024, "LTX-Video: Realtime Video Latent Diffusion"; diffusers
 * `transformer_ltx.py`). What the cross-attentions see of the prompt are inputs: `context.ts` makes them.
 *
 *   latents [batch, channels, frames, height, width] ── projection ──▶ [batch, frames, height·width, model]
 *     ── layers × (self-attention with RoPE over the whole width, cross-attention, feed-forward; adaptive norms) ──
 *     ── adaptive norm, projection ──▶ velocity, in the shape of the latents
 *
 * Tokens keep their frame axis, so that every latent frame can have a timestep of its own. Conditions that are not
 * at the start of the clip are latent frames before it on that axis: only their rotary coordinates say where they
 * belong (diffusers' `LTXConditionPipeline` prepends their tokens, which is the same).
 */
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { type Residual, residualNorm, residualSum } from '../../kernels/residual-norm/op.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, split, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { feedForward } from '../../src/nn/feed-forward.ts'
import { linear } from '../../src/nn/linear.ts'
import { normWeight, rmsNormLayer } from '../../src/nn/normalization.ts'
import { rotaryInputs } from '../../src/nn/rotary-inputs.ts'
import { timeModulations } from '../../src/nn/timestep.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type LtxTransformerConfig, modelWidth } from './config.ts'
import { contextInputs, type KeysAndValues, queryKeyEpsilon } from './context.ts'

/** Of the norm before the last projection. */
const outputEpsilon = 1e-6

/** Sinusoids of a timestep. */
const timestepChannels = 256

/**
 * Inputs: `latents` f32 [batch, channels, frames, height, width]; `timestep` f32 [batch, frames], 0 … 1000;
 * `rotary.cos` and `rotary.sin` f32 [batch, frames·height·width, model / 2], see `rotary.ts`; those of
 * `contextInputs`, and `text.tokens` i32 [batch], how many of their rows are the prompt's: the rest is padding, which gets no
 * weight (diffusers' bias of −10000). Output: `velocity`, like `latents`.
 */
export function ltxTransformer(
  config: LtxTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const graph = new Graph('transformer', { precision, kernels: target.kernels })
  const scope = new Scope(graph, weights)
  const latents = graph.input('latents', 'f32', ['batch', config.in_channels, 'frames', 'height', 'width'])
  const timestep = graph.input('timestep', 'f32', ['batch', 'frames'])
  const rotary = rotaryInputs(graph, modelWidth(config) / 2)
  const tokens = graph.input('text.tokens', 'i32', ['batch'])
  const context = contextInputs(graph, config, target)

  const channelsLast = transpose(reshape(latents, ['=', '=', '=', '*']), [0, 2, 3, 1]) // [batch, frames, height·width, channels]
  const embedded = linear(scope, 'proj_in', cast(channelsLast, precision), modelWidth(config)) // [batch, frames, height·width, model]
  const time = scope.in('time_embed', embed => {
    return timeModulations(embed, timestep, modelWidth(config), {
      features: timestepChannels,
      embedder: 'emb.timestep_embedder',
      projection: 'linear',
    })
  })
  let x: Residual = { rows: embedded }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const text = { tokens, of: (attn: Scope) => context(attn, layer) }
    const conditions = { time: time.blocks, rotary, text }
    const added = scope.in(`transformer_blocks.${layer}`, block => {
      return transformerBlock(block, x, conditions, config)
    })
    x = { ...added, name: `blocks.${layer}` }
  }
  const velocity = outputProjection(scope, x, time.embedding, config) // [batch, frames, height·width, channels]
  graph.output('velocity', reshapeLike(transpose(cast(velocity, 'f32'), [0, 3, 1, 2]), latents))
  return graph
}

interface BlockConditions {
  /** Six modulations of every frame, f32 [batch, frames, 6, model]. */
  readonly time: Value
  /** Cosines and sines of every pair of channels, all heads together, f32 [batch, tokens, model / 2]. */
  readonly rotary: { cos: Value; sin: Value }
  /** Keys and values in the scope of the cross-attention, and how many of their rows count, i32 [batch]. */
  readonly text: { of(attn: Scope): KeysAndValues; tokens: Value }
}

/** x [batch, frames, height·width, model], with what the layer before adds to it → the same, with what this one adds. */
function transformerBlock(
  scope: Scope,
  x: Residual,
  conditions: BlockConditions,
  config: LtxTransformerConfig,
): Residual {
  const table = scope.weight('scale_shift_table', [6, modelWidth(config)], { dtype: 'f32' })
  const [shift, scale, gate, ffShift, ffScale, ffGate] = split(add(conditions.time, table), 2, 6) as SixValues // [batch, frames, 1, model]
  const adaptive = { norm: 'rms', epsilon: config.norm_eps, offset: 1 } as const

  const entry = residualNorm(x, { scale, shift }, adaptive)
  const attended = scope.in('attn1', attn => {
    return selfAttention(attn, entry.normalized, conditions.rotary, config)
  })

  const withSelf = residualSum({ rows: entry.rows, update: attended, gate })
  const crossed = scope.in('attn2', attn => crossAttention(attn, withSelf, conditions.text, config))

  const crossSum = { rows: withSelf, update: crossed }
  const withCross = residualNorm(crossSum, { scale: ffScale, shift: ffShift }, adaptive)
  const fed = scope.in('ff', ff => feedForward(ff, withCross.normalized, 4 * modelWidth(config)))
  return { rows: withCross.rows, update: fed, gate: ffGate }
}

type SixValues = [Value, Value, Value, Value, Value, Value]

/** x [batch, frames, pixels, model] → the same; all tokens of all frames see each other. */
function selfAttention(
  scope: Scope,
  x: Value,
  rotary: BlockConditions['rotary'],
  config: LtxTransformerConfig,
): Value {
  const model = modelWidth(config)
  const bias = config.attention_bias
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const projected = {
    query: linear(scope, 'to_q', tokens, model, { bias }),
    key: linear(scope, 'to_k', tokens, model, { bias }),
  }
  const scales = { query: normWeight(scope, 'norm_q', tokens), key: normWeight(scope, 'norm_k', tokens) }
  const options = { epsilon: queryKeyEpsilon, headDim: config.attention_head_dim }
  const { query, key } = qkNormRope(projected, scales, rotary, options)
  const value = linear(scope, 'to_v', tokens, model, { bias })
  const mixed = attention(query, key, value, { heads: config.num_attention_heads }) // [batch, tokens, model]
  return reshapeLike(linear(scope, 'to_out.0', mixed, model, { bias: config.attention_out_bias }), x)
}

/** x [batch, frames, pixels, model] → the same; every token sees the prompt's tokens. */
function crossAttention(
  scope: Scope,
  x: Value,
  text: BlockConditions['text'],
  config: LtxTransformerConfig,
): Value {
  const model = modelWidth(config)
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const projected = linear(scope, 'to_q', tokens, model, { bias: config.attention_bias })
  const query = rmsNormLayer(scope, 'norm_q', projected, queryKeyEpsilon)
  const { key, value } = text.of(scope)
  const options = { heads: config.num_attention_heads, keyLengths: text.tokens }
  const mixed = attention(query, key, value, options) // [batch, tokens, model]
  return reshapeLike(linear(scope, 'to_out.0', mixed, model, { bias: config.attention_out_bias }), x)
}

function outputProjection(scope: Scope, x: Residual, time: Value, config: LtxTransformerConfig): Value {
  const table = scope.weight('scale_shift_table', [2, modelWidth(config)], { dtype: 'f32' })
  const [shift, scale] = split(add(unsqueeze(time, 2), table), 2, 2) as [Value, Value] // [batch, frames, 1, model]
  const norm = { norm: 'layer', epsilon: outputEpsilon, offset: 1 } as const
  const { normalized } = residualNorm(x, { scale, shift }, norm)
  return linear(scope, 'proj_out', normalized, config.in_channels)
}
