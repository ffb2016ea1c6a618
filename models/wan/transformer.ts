/**
 * The Wan video transformer (Wan Team 2025, "Wan: Open and Advanced Large-Scale Video Generative Models";
 * diffusers `transformer_wan.py`). What the cross-attentions see is an input: `context.ts` makes it.
 *
 *   latents [batch, channels, frames·pt, height·ph, width·pw]   (pt, ph, pw: the patch)
 *     ── patch embedding ──▶ [batch, frames, height·width, model]
 *     ── layers × (self-attention with 3-D RoPE, cross-attention, feed-forward; adaptive norms) ──
 *     ── adaptive norm, projection ──▶ velocity, in the shape of the latents
 *
 * Tokens keep their frame axis, so that every latent frame can have a timestep of its own (Wan 2.2 TI2V: clean
 * frames are at timestep 0).
 */
import type { Residual } from '../../kernels/residual-norm/op.ts'
import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { concat } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { rotaryInputs } from '../../src/nn/rotary-inputs.ts'
import { timeModulations } from '../../src/nn/timestep.ts'
import type { GraphTarget, ModelFacts } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { conditionChannels, modelWidth, outChannels, type WanTransformerConfig } from './config.ts'
import { contextInputs } from './context.ts'
import {
  latentInput,
  outputProjection,
  patchEmbedding,
  textBias,
  transformerBlock,
  unpatchify,
} from './layers.ts'
import { controlHints } from './vace.ts'

/**
 * Inputs: `latents` f32 [batch, channels, frames, pt, height, ph, width, pw] (the latents, each axis cut into
 * patches); for image-to-video checkpoints `condition`, more channels of the same layout; for VACE `control` and
 * `control.scale`; `timestep` f32 [batch, frames]; `rotary.cos` and `rotary.sin` f32 [batch, tokens, headDim / 2];
 * those of `contextInputs`, and `text.bias` for the rows of the prompt. Output: `velocity`, like `latents`.
 */
export function wanTransformer(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const graph = new Graph('transformer', { precision, kernels: target.kernels })
  const scope = new Scope(graph, weights)
  const latents = latentInput(graph, 'latents', outChannels(config), config)
  const extra = conditionChannels(config)
  const seen = extra > 0 ? concat([latents, latentInput(graph, 'condition', extra, config)], 1) : latents
  const timestep = graph.input('timestep', 'f32', ['batch', 'frames'])
  const rotary = rotaryInputs(graph, config.attention_head_dim / 2)
  const context = {
    text: contextInputs(graph, 'text', { config, target }),
    textBias: textBias(graph, rotary.cos),
    image: config.added_kv_proj_dim ? contextInputs(graph, 'image', { config, target }) : undefined,
  }

  const embedded = patchEmbedding(scope, 'patch_embedding', seen, config) // [batch, frames, height·width, model]
  const layers = { features: config.freq_dim, embedder: 'time_embedder', projection: 'time_proj' }
  const time = scope.in('condition_embedder', embedder => {
    return timeModulations(embedder, timestep, modelWidth(config), layers)
  })
  const hints = config.vace_layers?.length
    ? controlHints(scope, embedded, { time: time.blocks, rotary, context }, config.vace_layers, config)
    : undefined
  let x: Residual = { rows: embedded }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const name = `blocks.${layer}`
    const conditions = { time: time.blocks, rotary, context }
    const added = scope.in(name, block => transformerBlock(block, x, conditions, config))
    x = { ...(hints ? hints.add(layer, added) : added), name }
  }
  const velocity = outputProjection(scope, x, time.embedding, config) // [batch, frames, height·width, pt·ph·pw·channels]
  graph.output('velocity', unpatchify(cast(velocity, 'f32'), latents))
  return graph
}

/** Linear layers that stay as they are where those of the blocks multiply in 8-bit floats, by their weights. */
export const wanKeepsPrecision: readonly RegExp[] = [
  /^(?!(?:vace_)?blocks\.)/,
  /^vace_blocks\.\d+\.proj_(?:in|out)\./,
]

/**
 * The shape that the transformer takes latents [channels, frames, height, width] in: each axis cut into patches,
 * which leaves the bytes as they are.
 */
export function patchedShape(
  config: WanTransformerConfig,
  facts: Pick<ModelFacts, 'latentChannels'>,
  latents: readonly number[],
  channels = facts.latentChannels,
): number[] {
  const [, frames, height, width] = latents as [number, number, number, number]
  const [pt, ph, pw] = config.patch_size
  return [1, channels, frames / pt, pt, height / ph, ph, width / pw, pw]
}
