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
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { concat, slice, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { contextInputs } from '../../src/nn/cross-context.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { modulatedProjection } from '../../src/nn/modulation.ts'
import { joinPatches, patchEmbedding, patchedInput } from '../../src/nn/patch-embedding.ts'
import { rotaryInputs } from '../../src/nn/rotary-inputs.ts'
import { timeModulations } from '../../src/nn/timestep.ts'
import { type BlockConditions, type VideoBlockOptions, videoBlock } from '../../src/nn/video-block.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { conditionChannels, type WanTransformerConfig } from './config.ts'
import { contextRows } from './context.ts'
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
  const { patch_size: patch, eps: epsilon } = config
  const model = modelWidth(config)
  const latents = patchedInput(graph, 'latents', config.out_channels, patch)
  const extra = conditionChannels(config)
  const seen = extra > 0 ? concat([latents, patchedInput(graph, 'condition', extra, patch)], 1) : latents
  const timestep = graph.input('timestep', 'f32', ['batch', 'frames'])
  const rotary = rotaryInputs(graph, config.attention_head_dim / 2)
  const context = contextConditions(graph, rotary.cos, config, target)

  const embedded = patchEmbedding(scope, 'patch_embedding', seen, patch, model) // [batch, frames, height·width, model]
  const layers = { features: config.freq_dim, embedder: 'time_embedder', projection: 'time_proj' }
  const time = scope.in('condition_embedder', embedder => timeModulations(embedder, timestep, model, layers))
  const conditions = { time: time.blocks, rotary, seen: context }
  const options = blockOptions(config)
  const hints = config.vace_layers?.length
    ? controlHints(scope, embedded, conditions, config.vace_layers, config, options)
    : undefined
  let x: Residual = { rows: embedded }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const name = `blocks.${layer}`
    const added = scope.in(name, block => videoBlock(block, x, conditions, options))
    x = { ...(hints ? hints.add(layer, added) : added), name }
  }
  const channels = config.out_channels * patch[0] * patch[1] * patch[2]
  const velocity = modulatedProjection(scope, x, time.embedding, channels, { epsilon, stored: [1, 2, model] }) // [batch, frames, height·width, pt·ph·pw·channels]
  graph.output('velocity', joinPatches(cast(velocity, 'f32'), latents))
  return graph
}

function blockOptions(config: WanTransformerConfig): VideoBlockOptions {
  return {
    heads: config.num_attention_heads,
    headDim: config.attention_head_dim,
    queryKeyEpsilon: config.eps,
    norm: 'layer',
    epsilon: config.eps,
    crossNorm: config.cross_attn_norm,
    feedForward: { name: 'ffn', hidden: config.ffn_dim },
    stored: [1, 6, modelWidth(config)],
  }
}

/**
 * What every token sees: every row of the prompt, padding included (as the network was trained), and apart from that every
 * row of the picture. The input `text.bias` f32 [batch, text] is added to the scores of the rows of the prompt: those that
 * are equal are given once, with the logarithm of their number: exp(s + ln n) = n · exp(s).
 * @param rotary a table of [batch, tokens, …], which says how many queries there are
 */
function contextConditions(
  graph: Graph,
  rotary: Value,
  config: WanTransformerConfig,
  target: GraphTarget,
): BlockConditions['seen'] {
  const text = contextInputs(graph, contextRows('text', config, target))
  const perRow = graph.input('text.bias', 'f32', ['batch', 'text'])
  const perQuery = multiply(slice(rotary, 2, 0, 1), 0) // [batch, tokens, 1]
  const bias = cast(unsqueeze(add(unsqueeze(perRow, 1), perQuery), 1), graph.precision) // [batch, 1, tokens, text]
  const prompt: BlockConditions['seen'][number] = attn => ({ ...text(attn), bias })
  return config.added_kv_proj_dim
    ? [prompt, contextInputs(graph, contextRows('image', config, target))]
    : [prompt]
}

/** Linear layers that stay as they are where those of the blocks multiply in 8-bit floats, by their weights. */
export const wanKeepsPrecision: readonly RegExp[] = [
  /^(?!(?:vace_)?blocks\.)/,
  /^vace_blocks\.\d+\.proj_(?:in|out)\./,
]
