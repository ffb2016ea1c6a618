import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type LtxTransformerConfig, modelWidth } from './config.ts'
import { queryKeyEpsilon } from './transformer.ts'

/**
 * Keys and values of every cross-attention (diffusers `LTXVideoTransformer3DModel.caption_projection` and `attn2`):
 * they do not change with the step, so they are computed once a prompt.
 * Input: `text` f32 [batch, text, captionChannels]; rows of padding may be in it or left out, see the transformer's
 * `text.tokens`. Outputs, for every layer i: `blocks.i.key` and `blocks.i.value`, f32 [batch, text, model].
 */
export function ltxContext(
  config: LtxTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const model = modelWidth(config)
  const bias = config.attention_bias
  const text = graph.input('text', 'f32', ['batch', 'text', config.caption_channels])
  const projected = scope.in('caption_projection', projection =>
    twoLayer(projection, cast(text, precision), model, 'gelu-tanh'),
  ) // [batch, text, model]
  for (let layer = 0; layer < config.num_layers; layer++) {
    scope.in(`transformer_blocks.${layer}.attn2`, attn => {
      const key = linear(attn, 'to_k', projected, model, { bias })
      const value = linear(attn, 'to_v', projected, model, { bias })
      graph.output(`blocks.${layer}.key`, cast(rmsNormLayer(attn, 'norm_k', key, queryKeyEpsilon), 'f32'))
      graph.output(`blocks.${layer}.value`, cast(value, 'f32'))
    })
  }
  return graph
}
