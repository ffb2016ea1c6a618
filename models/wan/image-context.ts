/** What the Wan transformer's cross-attentions see of a picture, in Wan 2.1 image-to-video checkpoints. */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'

/**
 * Input: `image` f32 [batch, image, imageDim], hidden states of a CLIP encoder, of two pictures joined where the
 * checkpoint has learned positions. Output: `image.embedding` f32 [batch, image, model].
 */
export function wanImageContext(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('image-context', { precision })
  const scope = new Scope(graph, weights)
  const tokens = config.pos_embed_seq_len ?? 'image'
  const image = graph.input('image', 'f32', ['batch', tokens, config.image_dim ?? modelWidth(config)])
  const embedded = scope.in('condition_embedder.image_embedder', embedder =>
    imageEmbedding(embedder, image, config),
  )
  graph.output('image.embedding', cast(embedded, 'f32'))
  return graph
}

/** Norm, two-layer network of the input's width inside, norm: [batch, image, imageDim] → [batch, image, model]. */
function imageEmbedding(scope: Scope, image: Value, config: WanTransformerConfig): Value {
  const { precision } = scope.graph
  const width = Number(dimAt(image, 2))
  const positions = config.pos_embed_seq_len
    ? add(image, scope.weight('pos_embed', [1, config.pos_embed_seq_len, width], { dtype: 'f32' }))
    : image
  // torch's default epsilon of LayerNorm: these norms are made without one.
  const normalized = cast(layerNormLayer(scope, 'norm1', positions, 1e-5), precision)
  const hidden = gelu(linear(scope, 'ff.net.0.proj', normalized, width), 'none')
  return layerNormLayer(scope, 'norm2', linear(scope, 'ff.net.2', hidden, modelWidth(config)), 1e-5)
}

/** What only the transformers of Wan 2.1 image-to-video checkpoints have: the way of CLIP's picture. */
export function imageTensors(config: WanTransformerConfig): string[] {
  const embedder = ['norm1', 'norm2', 'ff.net.0.proj', 'ff.net.2'].map(name => {
    return `condition_embedder.image_embedder.${name}`
  })
  const main = Array.from({ length: config.num_layers }, (_, layer) => `blocks.${layer}`)
  const hints = (config.vace_layers ?? []).map((_, layer) => `vace_blocks.${layer}`)
  const layers = [...main, ...hints].map(layer => `${layer}.attn2`)
  const modules = [
    ...embedder,
    ...layers.flatMap(attention => imageModules.map(name => `${attention}.${name}`)),
  ]
  return modules.flatMap(module => [`${module}.weight`, `${module}.bias`])
}

const imageModules = ['add_k_proj', 'add_v_proj', 'norm_added_k', 'norm_added_q']
