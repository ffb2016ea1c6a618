/** What the Wan transformer's cross-attentions see, of a prompt and of a picture, see `cross-context.ts`. */

import type { Graph } from '../../src/graph/graph.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { type ContextRows, promptContext } from '../../src/nn/cross-context.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { WanTransformerConfig } from './config.ts'

/** The layers that make keys and values of a source's rows, in the scope of a cross-attention. */
const projections = {
  text: { norm: 'norm_k', key: 'to_k', value: 'to_v' },
  image: { norm: 'norm_added_k', key: 'add_k_proj', value: 'add_v_proj' },
} as const

/**
 * Input: `text` f32 [batch, text, textDim]. Outputs: those of `contextOutputs`.
 * @param target keys and values are computed here where residents are fed without a copy
 */
export function wanContext(
  config: WanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const text = { width: config.text_dim, embedder: 'condition_embedder.text_embedder' }
  return promptContext(text, contextRows('text', config, target), weights, precision)
}

/** The rows of a prompt or a picture. */
export function contextRows(
  source: keyof typeof projections,
  config: WanTransformerConfig,
  { residentsInPlace: inPlace }: GraphTarget,
): ContextRows {
  const layers = projections[source]
  const attentions = crossAttentions(config)
  return { source, model: modelWidth(config), attentions, layers, bias: true, epsilon: config.eps, inPlace }
}

/** Scopes of the cross-attentions. */
export function crossAttentions(config: WanTransformerConfig): string[] {
  const main = Array.from({ length: config.num_layers }, (_, layer) => `blocks.${layer}`)
  const hints = (config.vace_layers ?? []).map((_, layer) => `vace_blocks.${layer}`)
  return [...main, ...hints].map(layer => `${layer}.attn2`)
}
