/**
 * What the cross-attentions of LTX-Video see of a prompt (diffusers `LTXVideoTransformer3DModel.caption_projection` and
 * `attn2`): its projection, or the keys and values of every layer, which follow from it alone and do not change with the step.
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { type LtxTransformerConfig, modelWidth } from './config.ts'

/** Of the norms of queries and keys; `norm_eps` is that of the blocks' norms. */
export const queryKeyEpsilon = 1e-5

/** Keys and values of one cross-attention, [batch, text, model]. */
export interface KeysAndValues {
  readonly key: Value
  readonly value: Value
}

/**
 * Input: `text` f32 [batch, text, captionChannels]; rows of padding may be in it or left out, see the transformer's
 * `text.tokens`. Outputs, f32 [batch, text, model]: `text.embedding`, or `blocks.i.key` and `blocks.i.value` for every layer i.
 * @param target keys and values are computed here where residents are fed without a copy
 */
export function ltxContext(
  config: LtxTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  { residentsInPlace }: GraphTarget = {},
): Graph {
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const text = graph.input('text', 'f32', ['batch', 'text', config.caption_channels])
  const projected = scope.in('caption_projection', projection =>
    twoLayer(projection, cast(text, precision), modelWidth(config), 'gelu-tanh'),
  ) // [batch, text, model]
  if (!residentsInPlace) {
    graph.output('text.embedding', cast(projected, 'f32'))
    return graph
  }
  for (let layer = 0; layer < config.num_layers; layer++) {
    scope.in(`transformer_blocks.${layer}.attn2`, attn => {
      const { key, value } = keysAndValues(attn, projected, config)
      graph.output(`blocks.${layer}.key`, cast(key, 'f32'))
      graph.output(`blocks.${layer}.value`, cast(value, 'f32'))
    })
  }
  return graph
}

/**
 * Inputs as the outputs of `ltxContext` are. Keys and values of a prompt and a large network are hundreds of megabytes: where
 * a backend would send them to the device in every pass, they are computed there of the embedding.
 * @returns what gives the keys and values of a layer in the scope of its cross-attention
 */
export function contextInputs(
  graph: Graph,
  config: LtxTransformerConfig,
  { residentsInPlace }: GraphTarget,
): (attn: Scope, layer: number) => KeysAndValues {
  const input = (name: string) => {
    return cast(graph.input(name, 'f32', ['batch', 'text', modelWidth(config)]), graph.precision)
  }
  if (residentsInPlace) {
    return (_, layer) => ({ key: input(`blocks.${layer}.key`), value: input(`blocks.${layer}.value`) })
  }
  const embedded = input('text.embedding')
  return attn => keysAndValues(attn, embedded, config)
}

function keysAndValues(attn: Scope, text: Value, config: LtxTransformerConfig): KeysAndValues {
  const model = modelWidth(config)
  const bias = config.attention_bias
  const key = linear(attn, 'to_k', text, model, { bias })
  const value = linear(attn, 'to_v', text, model, { bias })
  return { key: rmsNormLayer(attn, 'norm_k', key, queryKeyEpsilon), value }
}
