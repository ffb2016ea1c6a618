/**
 * The HunyuanVideo 1.5 transformer (Tencent 2025, "HunyuanVideo 1.5 Technical Report"; diffusers
 * `transformer_hunyuan_video15.py`).
 *
 *   latents, condition [batch, channels, frames, height, width] ── linear ──▶ video [batch, tokens, model]
 *   image, glyph, text ── (text: refined by the timestep) ──▶ context [batch, rows, model]
 *     ── layers × (joint attention with 3-D RoPE on the video, two feed-forward networks; adaptive norms) ──
 *     ── adaptive norm, projection of the video ──▶ velocity, in the shape of the latents
 *
 * In the reference the context is padded and attention masked. A masked row changes nothing, so it is left out here, and
 * attention needs no mask.
 */

import { type Residual, residualNorm } from '../../kernels/residual-norm/op.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { concat, reshape, reshapeLike, split, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { rotaryInputs } from '../../src/nn/rotary-inputs.ts'
import { timestepFeatures } from '../../src/nn/timestep.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { HunyuanTransformerConfig } from './config.ts'
import { ofType } from './context.ts'
import { tokenRefiner } from './token-refiner.ts'
import { activated, adaptiveNorm, type Streams, transformerBlock } from './transformer-block.ts'

/** Width of the sinusoidal features of a timestep. */
const frequencies = 256

export interface HunyuanTransformerOptions {
  /** Whether the network takes the next timestep as an input (MeanFlow). */
  readonly meanflow: boolean
  /** The folders of kernels/ whose operators it may use. @default none */
  readonly kernels?: ReadonlySet<string> | undefined
}

/**
 * Inputs: `latents` f32 [batch, channels, frames, height, width]; `condition` f32 [batch, channels + 1, frames, height,
 * width], clean latents and a mask of where they are; `timestep` f32 [batch], and `timestep.next` with `meanflow`;
 * `rotary.cos` and `rotary.sin` f32 [batch, tokens, headDim / 2]; `text` f32 [batch, text, textDim]; `glyph` f32 [batch,
 * glyph, model] and `image` f32 [batch, image, model], of which there may be none. Output: `velocity`, like `latents`.
 */
export function hunyuanTransformer(
  config: HunyuanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  { meanflow, kernels }: HunyuanTransformerOptions,
): Graph {
  const graph = new Graph('transformer', { precision, kernels })
  const scope = new Scope(graph, weights)
  const grid = (channels: number) => ['batch', channels, 'frames', 'height', 'width']
  const latents = graph.input('latents', 'f32', grid(config.out_channels))
  const condition = graph.input('condition', 'f32', grid(config.in_channels - config.out_channels))
  const timestep = timestepFeatures(graph.input('timestep', 'f32', ['batch']), frequencies) // [batch, 256]
  const rotary = rotaryInputs(graph, config.attention_head_dim / 2)

  const time = timeEmbedding(scope, timestep, meanflow, config) // [batch, model]
  let streams: Streams<Residual> = {
    video: { rows: patchEmbedding(scope, concat([latents, condition], 1), config) }, // [batch, tokens, model]
    context: { rows: contextTokens(scope, timestep, config) }, // [batch, rows, model]
  }
  const conditions = { time: activated(time), rotary }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const name = `transformer_blocks.${layer}`
    const { video, context } = scope.in(name, block => transformerBlock(block, streams, conditions, config))
    streams = { video: { ...video, name }, context }
  }
  const velocity = outputProjection(scope, streams.video, conditions.time, config) // [batch, tokens, channels]
  graph.output('velocity', reshapeLike(transpose(cast(velocity, 'f32'), [0, 2, 1]), latents))
  return graph
}

/** The embedding of the timestep, with `meanflow` also of the one after the step. */
function timeEmbedding(
  scope: Scope,
  features: Value,
  meanflow: boolean,
  config: HunyuanTransformerConfig,
): Value {
  const model = modelWidth(config)
  return scope.in('time_embed', embed => {
    const now = embed.in('timestep_embedder', mlp => twoLayer(mlp, features, model, 'silu'))
    if (!meanflow) return now
    const next = timestepFeatures(scope.graph.input('timestep.next', 'f32', ['batch']), frequencies)
    return add(
      now,
      embed.in('timestep_embedder_r', mlp => twoLayer(mlp, next, model, 'silu')),
    )
  })
}

/** A convolution of one latent is a linear layer: [batch, channels, frames, height, width] → [batch, tokens, model]. */
function patchEmbedding(scope: Scope, seen: Value, config: HunyuanTransformerConfig): Value {
  const rows = transpose(reshape(seen, ['=', '=', '*']), [0, 2, 1]) // [batch, tokens, channels]
  const stored = [modelWidth(config), config.in_channels, 1, 1, 1]
  const embedded = cast(rows, scope.graph.precision)
  return linear(scope, 'x_embedder.proj', embedded, modelWidth(config), { stored })
}

/** Of the picture, of the glyphs, of the prompt: in the order of the reference. */
function contextTokens(scope: Scope, timestep: Value, config: HunyuanTransformerConfig): Value {
  const { graph } = scope
  const tokens = (name: string) =>
    cast(graph.input(name, 'f32', ['batch', name, modelWidth(config)]), graph.precision)
  const [image, glyph] = [tokens('image'), tokens('glyph')]
  const text = graph.input('text', 'f32', ['batch', 'text', config.text_embed_dim])
  const refined = scope.in('context_embedder', embedder => tokenRefiner(embedder, text, timestep, config))
  return concat([image, glyph, ofType(scope, refined, 'text', config)], 1)
}

function outputProjection(scope: Scope, x: Residual, time: Value, config: HunyuanTransformerConfig): Value {
  const projected = scope.in('norm_out', norm => linear(norm, 'linear', time, 2 * modelWidth(config)))
  const [scale, shift] = split(unsqueeze(cast(projected, 'f32'), 1), 2, 2) as [Value, Value] // [batch, 1, model]
  const { normalized } = residualNorm(x, { scale, shift }, adaptiveNorm)
  return linear(scope, 'proj_out', normalized, config.out_channels)
}
