/**
 * What the Wan transformer's cross-attentions see: keys and values of every layer, which do not change with the step
 * and are computed once for a prompt. Those of a picture are in `image-context.ts`.
 */

import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { contextLayers, modelWidth, type WanTransformerConfig } from './config.ts'

/**
 * Input: `text` f32 [batch, text, textDim]. Outputs, for every layer: `<layer>.key` and `<layer>.value`, f32
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
  for (const layer of contextLayers(config)) {
    scope.in(`${layer}.attn2`, attn => {
      const key = rmsNormLayer(attn, 'norm_k', linear(attn, 'to_k', embedded, model), config.eps)
      graph.output(`${layer}.key`, cast(key, 'f32'))
      graph.output(`${layer}.value`, cast(linear(attn, 'to_v', embedded, model), 'f32'))
    })
  }
  return graph
}
