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

import type { Residual } from '../../kernels/residual-norm/op.ts'
import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { reshape, reshapeLike, transpose } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { contextInputs } from '../../src/nn/cross-context.ts'
import { linear } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { modulatedProjection } from '../../src/nn/modulation.ts'
import { rotaryInputs } from '../../src/nn/rotary-inputs.ts'
import { timeModulations } from '../../src/nn/timestep.ts'
import { type BlockConditions, type VideoBlockOptions, videoBlock } from '../../src/nn/video-block.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { LtxTransformerConfig } from './config.ts'
import { contextRows, queryKeyEpsilon } from './context.ts'

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
  const model = modelWidth(config)
  const rotary = rotaryInputs(graph, model / 2)
  const keyLengths = graph.input('text.tokens', 'i32', ['batch'])
  const text = contextInputs(graph, contextRows(config, target))
  const seen: BlockConditions['seen'] = [attn => ({ ...text(attn), keyLengths })]

  const channelsLast = transpose(reshape(latents, ['=', '=', '=', '*']), [0, 2, 3, 1]) // [batch, frames, height·width, channels]
  const embedded = linear(scope, 'proj_in', cast(channelsLast, precision), model) // [batch, frames, height·width, model]
  const layers = {
    features: timestepChannels,
    embedder: 'emb.timestep_embedder',
    projection: 'linear',
  }
  const time = scope.in('time_embed', embed => timeModulations(embed, timestep, model, layers))
  const conditions = { time: time.blocks, rotary, seen }
  const options = blockOptions(config)
  let x: Residual = { rows: embedded }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const added = scope.in(`transformer_blocks.${layer}`, block => videoBlock(block, x, conditions, options))
    x = { ...added, name: `blocks.${layer}` }
  }
  const last = { epsilon: outputEpsilon, stored: [2, model] }
  const velocity = modulatedProjection(scope, x, time.embedding, config.in_channels, last) // [batch, frames, height·width, channels]
  graph.output('velocity', reshapeLike(transpose(cast(velocity, 'f32'), [0, 3, 1, 2]), latents))
  return graph
}

function blockOptions(config: LtxTransformerConfig): VideoBlockOptions {
  const model = modelWidth(config)
  return {
    heads: config.num_attention_heads,
    headDim: config.attention_head_dim,
    queryKeyEpsilon,
    bias: config.attention_bias,
    outBias: config.attention_out_bias,
    norm: 'rms',
    epsilon: config.norm_eps,
    crossNorm: false,
    feedForward: { name: 'ff', hidden: 4 * model },
    stored: [6, model],
  }
}
