/**
 * SigLIP's vision transformer (Zhai et al. 2023; transformers `modeling_siglip.py`), up to its last norm: CLIP's layers
 * without a class token.
 *
 *   pixels [images, channels, size, size] ── patches, positions ──▶ [images, patches, model]
 *     ── layers × (norm → attention; norm → MLP) ── norm ──▶ [images, patches, model]
 */
import type { Graph, Value } from '../../src/graph/graph.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import type { Scope, WeightSource } from '../../src/graph/scope.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { patchEmbedding, visionGraph, visionLayer } from '../clip/vision-encoder.ts'
import type { SiglipVisionConfig } from './config.ts'

/** Tensors that a checkpoint may hold and the encoder leaves out: those that pool the patches into one vector. */
export const siglipVisionIgnored = [/^(vision_model\.)?head\./, /^(vision_model\.)?embeddings\.position_ids$/]

/**
 * Input: `pixels` f32 [images, channels, size, size], as the checkpoint's image processor makes them. Output: `embeddings`
 * f32 [images, patches, model], transformers' `last_hidden_state`.
 */
export function siglipVisionEncoder(
  config: SiglipVisionConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  return visionGraph(config, weights, precision, visionNetwork)
}

/** Patches of a picture; the pixels beyond the last whole one are not seen. */
export function siglipTokens({ image_size, patch_size }: SiglipVisionConfig): number {
  return Math.floor(image_size / patch_size) ** 2
}

function visionNetwork(scope: Scope, pixels: Value, config: SiglipVisionConfig): Value {
  const model = config.hidden_size
  let x = scope.in('embeddings', embeddings => {
    const patches = patchEmbedding(embeddings, pixels, { ...config, bias: true }) // [images, patches, model]
    return add(patches, embeddings.weight('position_embedding.weight', [siglipTokens(config), model]))
  })
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    x = scope.in(`encoder.layers.${layer}`, block => visionLayer(block, x, config))
  }
  return layerNormLayer(scope, 'post_layernorm', x, config.layer_norm_eps)
}
