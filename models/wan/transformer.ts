/**
 * The Wan video transformer (Wan Team 2025, "Wan: Open and Advanced Large-Scale Video Generative Models";
 * diffusers `transformer_wan.py`), as two graphs over one checkpoint:
 *
 *   context      prompt embeddings ──▶ keys and values of every cross-attention; they do not change with the
 *                step, so they are computed once a prompt
 *   transformer  latents, timestep, keys, values ──▶ velocity
 *
 *   latents [batch, channels, frames·pt, height·ph, width·pw]   (pt, ph, pw: the patch)
 *     ── patch embedding ──▶ [batch, frames, height·width, model]
 *     ── layers × (self-attention with 3-D RoPE, cross-attention, feed-forward; adaptive norms) ──
 *     ── adaptive norm, projection ──▶ velocity, in the shape of the latents
 *
 * Tokens keep their frame axis, so that every latent frame can have a timestep of its own (Wan 2.2 TI2V: clean
 * frames are at timestep 0).
 */
import type { Dim } from '../../src/graph/dims.ts'
import { productOf } from '../../src/graph/dims.ts'
import { Graph } from '../../src/graph/graph.ts'
import { gelu, silu } from '../../src/graph/ops/activation.ts'
import { attention, rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, split, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import type { Value } from '../../src/graph/value.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { adaptiveLayerNorm, layerNormLayer, rmsNormLayer } from '../../src/nn/normalization.ts'
import { timestepFeatures } from '../../src/nn/timestep.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { WanTransformerConfig } from './config.ts'

/**
 * Input: `text` f32 [batch, text, textDim]. Outputs, for every layer i: `blocks.i.key` and `blocks.i.value`, f32
 * [batch, text, model].
 */
export function wanContext(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const text = graph.input('text', 'f32', ['batch', 'text', config.text_dim])
  const model = modelWidth(config)
  const embedded = scope.in('condition_embedder.text_embedder', embedder =>
    twoLayer(embedder, cast(text, precision), model, 'gelu-tanh'),
  ) // [batch, text, model]
  for (let layer = 0; layer < config.num_layers; layer++) {
    scope.in(`blocks.${layer}.attn2`, attn => {
      const key = rmsNormLayer(attn, 'norm_k', linear(attn, 'to_k', embedded, model), config.eps)
      graph.output(`blocks.${layer}.key`, cast(key, 'f32'))
      graph.output(`blocks.${layer}.value`, cast(linear(attn, 'to_v', embedded, model), 'f32'))
    })
  }
  return graph
}

/**
 * Inputs: `latents` f32 [batch, channels, frames, pt, height, ph, width, pw] (the latents, each axis cut into
 * patches); `timestep` f32 [batch, frames]; `rotary.cos` and `rotary.sin` f32 [batch, tokens, headDim / 2];
 * the context's `blocks.i.key` and `blocks.i.value`. Output: `velocity`, like `latents`.
 */
export function wanTransformer(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('transformer', { precision })
  const scope = new Scope(graph, weights)
  const [pt, ph, pw] = config.patch_size
  const channels = config.out_channels ?? config.in_channels
  const latents = graph.input('latents', 'f32', ['batch', channels, 'frames', pt, 'height', ph, 'width', pw])
  const timestep = graph.input('timestep', 'f32', ['batch', 'frames'])
  const rotary = rotaryTables(graph, config)

  let x = patchEmbedding(scope, latents, config) // [batch, frames, height·width, model]
  const time = timeEmbedding(scope, timestep, config)
  for (let layer = 0; layer < config.num_layers; layer++) {
    const context = contextInputs(graph, layer, config)
    x = scope.in(`blocks.${layer}`, block =>
      transformerBlock(block, x, { time: time.blocks, rotary, context }, config),
    )
    graph.named(`blocks.${layer}`, x)
  }
  const velocity = outputProjection(scope, x, time.embedding, config) // [batch, frames, height·width, pt·ph·pw·channels]
  graph.output('velocity', unpatchify(cast(velocity, 'f32'), latents))
  return graph
}

interface BlockConditions {
  /** Six modulations of every frame, f32 [batch, frames, 6, model]. */
  readonly time: Value
  readonly rotary: { cos: Value; sin: Value }
  readonly context: { key: Value; value: Value }
}

function transformerBlock(
  scope: Scope,
  x: Value,
  conditions: BlockConditions,
  config: WanTransformerConfig,
): Value {
  const table = scope.weight('scale_shift_table', [1, 6, modelWidth(config)], { dtype: 'f32' })
  const [shift, scale, gate, ffShift, ffScale, ffGate] = split(add(conditions.time, table), 2, 6) as SixValues // [batch, frames, 1, model]

  const selfInput = adaptiveLayerNorm(x, { scale, shift }, config.eps)
  const attended = scope.in('attn1', attn => selfAttention(attn, selfInput, conditions.rotary, config))
  const withSelf = gatedResidual(x, attended, gate)

  const crossInput = config.cross_attn_norm ? layerNormLayer(scope, 'norm2', withSelf, config.eps) : withSelf
  const crossed = scope.in('attn2', attn => crossAttention(attn, crossInput, conditions.context, config))
  const withCross = add(withSelf, crossed)

  const ffInput = adaptiveLayerNorm(withCross, { scale: ffScale, shift: ffShift }, config.eps)
  const fed = scope.in('ffn', ffn => feedForward(ffn, ffInput, config))
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
  const rotated = (name: string, norm: string) => {
    const normalized = rmsNormLayer(scope, norm, linear(scope, name, tokens, model), config.eps)
    return cast(rotaryEmbedding(cast(normalized, 'f32'), rotary, heads), x.dtype)
  }
  const mixed = attention(
    rotated('to_q', 'norm_q'),
    rotated('to_k', 'norm_k'),
    linear(scope, 'to_v', tokens, model),
    {
      heads,
    },
  ) // [batch, tokens, model]
  return reshapeLike(linear(scope, 'to_out.0', mixed, model), x)
}

/** x [batch, frames, pixels, model] → the same; every token sees every row of the prompt, padding included. */
function crossAttention(
  scope: Scope,
  x: Value,
  context: BlockConditions['context'],
  config: WanTransformerConfig,
): Value {
  const model = modelWidth(config)
  const tokens = reshape(x, ['=', '*', model]) // [batch, tokens, model]
  const query = rmsNormLayer(scope, 'norm_q', linear(scope, 'to_q', tokens, model), config.eps)
  const mixed = attention(query, context.key, context.value, { heads: config.num_attention_heads })
  return reshapeLike(linear(scope, 'to_out.0', mixed, model), x)
}

function feedForward(scope: Scope, x: Value, config: WanTransformerConfig): Value {
  const hidden = gelu(linear(scope, 'net.0.proj', x, config.ffn_dim), 'tanh')
  return linear(scope, 'net.2', hidden, modelWidth(config))
}

/** x + update · gate, computed in f32, given back in x's dtype. */
function gatedResidual(x: Value, update: Value, gate: Value): Value {
  return cast(add(cast(x, 'f32'), multiply(cast(update, 'f32'), gate)), x.dtype)
}

/** A convolution whose stride is its kernel is a linear layer over the pixels of a patch. */
function patchEmbedding(scope: Scope, latents: Value, config: WanTransformerConfig): Value {
  const [pt, ph, pw] = config.patch_size
  const pixels = config.in_channels * pt * ph * pw
  const patches = transpose(latents, [0, 2, 4, 6, 1, 3, 5, 7]) // [batch, frames, height, width, channels, pt, ph, pw]
  const rows = reshape(patches, ['=', '=', '*', pixels]) // [batch, frames, height·width, channels·pt·ph·pw]
  const stored = [modelWidth(config), config.in_channels, pt, ph, pw]
  return linear(scope, 'patch_embedding', cast(rows, scope.graph.precision), modelWidth(config), { stored })
}

/** The time embedding [batch, frames, model] and its projection to six modulations [batch, frames, 6, model], f32. */
function timeEmbedding(
  scope: Scope,
  timestep: Value,
  config: WanTransformerConfig,
): { embedding: Value; blocks: Value } {
  return scope.in('condition_embedder', embedder => {
    const features = timestepFeatures(timestep, config.freq_dim) // [batch, frames, freq]
    const embedding = embedder.in('time_embedder', mlp => twoLayer(mlp, features, modelWidth(config), 'silu'))
    const projected = linear(embedder, 'time_proj', silu(embedding), 6 * modelWidth(config))
    return { embedding, blocks: reshape(projected, ['=', '=', 6, modelWidth(config)]) }
  })
}

function outputProjection(scope: Scope, x: Value, time: Value, config: WanTransformerConfig): Value {
  const model = modelWidth(config)
  const [pt, ph, pw] = config.patch_size
  const table = scope.weight('scale_shift_table', [1, 2, model], { dtype: 'f32' })
  const [shift, scale] = split(add(unsqueeze(time, 2), table), 2, 2) as [Value, Value] // [batch, frames, 1, model]
  const normalized = adaptiveLayerNorm(x, { scale, shift }, config.eps)
  return linear(scope, 'proj_out', normalized, (config.out_channels ?? config.in_channels) * pt * ph * pw)
}

/** [batch, frames, height·width, pt·ph·pw·channels] → the axes of the latents. */
function unpatchify(rows: Value, latents: Value): Value {
  const patches = transpose(latents, [0, 2, 4, 6, 3, 5, 7, 1]) // [batch, frames, height, width, pt, ph, pw, channels]
  return transpose(reshapeLike(rows, patches), [0, 7, 1, 4, 2, 5, 3, 6])
}

function rotaryTables(graph: Graph, config: WanTransformerConfig): { cos: Value; sin: Value } {
  const tokens: Dim = productOf(['frames', 'height', 'width'])
  const shape = ['batch', tokens, config.attention_head_dim / 2]
  return { cos: graph.input('rotary.cos', 'f32', shape), sin: graph.input('rotary.sin', 'f32', shape) }
}

function contextInputs(
  graph: Graph,
  layer: number,
  config: WanTransformerConfig,
): { key: Value; value: Value } {
  const shape = ['batch', 'text', modelWidth(config)]
  const key = cast(graph.input(`blocks.${layer}.key`, 'f32', shape), graph.precision)
  const value = cast(graph.input(`blocks.${layer}.value`, 'f32', shape), graph.precision)
  return { key, value }
}

function modelWidth(config: WanTransformerConfig): number {
  return config.num_attention_heads * config.attention_head_dim
}
