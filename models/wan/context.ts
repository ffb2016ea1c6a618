/** What the Wan transformer's cross-attentions see of a prompt. That of a picture is in `image-context.ts`. */

import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { twoLayer } from '../../src/nn/linear.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'

/** Input: `text` f32 [batch, text, textDim]. Output: `text.embedding` f32 [batch, text, model]. */
export function wanContext(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const text = graph.input('text', 'f32', ['batch', 'text', config.text_dim])
  const embedded = scope.in('condition_embedder.text_embedder', embedder =>
    twoLayer(embedder, cast(text, precision), modelWidth(config), 'gelu-tanh'),
  ) // [batch, text, model]
  graph.output('text.embedding', cast(embedded, 'f32'))
  return graph
}
