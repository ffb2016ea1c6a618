/**
 * What the cross-attentions of LTX-Video see of a prompt (diffusers `LTXVideoTransformer3DModel.caption_projection` and
 * `attn2`), see `cross-context.ts`.
 */

import type { Graph } from '../../src/graph/graph.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { type ContextRows, promptContext } from '../../src/nn/cross-context.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { LtxTransformerConfig } from './config.ts'

/** Of the norms of queries and keys; `norm_eps` is that of the blocks' norms. */
export const queryKeyEpsilon = 1e-5

/**
 * Input: `text` f32 [batch, text, captionChannels]; rows of padding may be in it or left out, see the transformer's
 * `text.tokens`. Outputs: those of `contextOutputs`.
 * @param target keys and values are computed here where residents are fed without a copy
 */
export function ltxContext(
  config: LtxTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
  target: GraphTarget = {},
): Graph {
  const text = { width: config.caption_channels, embedder: 'caption_projection' }
  return promptContext(text, contextRows(config, target), weights, precision)
}

/** The rows of a prompt. */
export function contextRows(
  config: LtxTransformerConfig,
  { residentsInPlace: inPlace }: GraphTarget,
): ContextRows {
  return {
    source: 'text',
    model: modelWidth(config),
    attentions: Array.from({ length: config.num_layers }, (_, layer) => `transformer_blocks.${layer}.attn2`),
    layers: { norm: 'norm_k', key: 'to_k', value: 'to_v' },
    bias: config.attention_bias,
    epsilon: queryKeyEpsilon,
    inPlace,
  }
}
