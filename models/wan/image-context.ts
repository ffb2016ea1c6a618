/** What the Wan transformer's cross-attentions see of a picture, in Wan 2.1 image-to-video checkpoints. */

import { Graph, type Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { contextOutputs } from '../../src/nn/cross-context.ts'
import { linear } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { GraphRecipe, GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { ClipVisionConfig } from '../clip/config.ts'
import { clipVisionEncoder } from '../clip/vision-encoder.ts'
import type { WanTransformerConfig } from './config.ts'
import { contextRows, crossAttentions } from './context.ts'

export const imageContext = 'image-context'

/** From pixels to CLIP's hidden states, and from those to what the cross-attentions see. */
export function imageGraphs(clip: ClipVisionConfig, transformer: WanTransformerConfig): GraphRecipe[] {
  return [
    {
      name: 'image-encoder',
      component: 'image_encoder',
      role: 'text-encoder',
      build: (weights, precision) => clipVisionEncoder(clip, weights, precision),
    },
    {
      name: imageContext,
      component: 'transformer',
      role: 'transformer',
      build: (...given) => wanImageContext(transformer, ...given),
    },
  ]
}

/**
 * Input: `image` f32 [batch, image, imageDim], hidden states of a CLIP encoder, of two pictures joined where the
 * checkpoint has learned positions. Outputs: those of `contextOutputs`.
 * @param target keys and values are computed here where residents are fed without a copy
 */
export function wanImageContext(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const graph = new Graph(imageContext, { precision })
  const scope = new Scope(graph, weights)
  const tokens = config.pos_embed_seq_len ?? 'image'
  const image = graph.input('image', 'f32', ['batch', tokens, config.image_dim ?? modelWidth(config)])
  const embedded = scope.in('condition_embedder.image_embedder', embedder =>
    imageEmbedding(embedder, image, config),
  )
  contextOutputs(scope, embedded, contextRows('image', config, target))
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
  const attentions = crossAttentions(config).flatMap(attention => {
    return imageModules.map(name => `${attention}.${name}`)
  })
  const modules = [...embedder, ...attentions]
  return modules.flatMap(module => [`${module}.weight`, `${module}.bias`])
}

const imageModules = ['add_k_proj', 'add_v_proj', 'norm_added_k', 'norm_added_q']
