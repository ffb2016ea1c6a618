/**
 * Tokens of the HunyuanVideo 1.5 transformer that do not change with the step: those of a prompt's glyphs and of a picture
 * (diffusers `HunyuanVideo15ByT5TextProjection`, `HunyuanVideo15ImageProjection`). They are computed once.
 */

import { Graph, type Value } from '../../src/graph/graph.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { slice } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { HunyuanTransformerConfig } from './config.ts'

/** torch's default of LayerNorm: these norms are made without one. */
const epsilon = 1e-5

/** The inner width of the glyph projection of diffusers' class: no config has it. */
const glyphWidth = 2048

/** Rows of the table of types. */
const types = { text: 0, glyph: 1, image: 2 } as const

/** Input: `states` f32 [batch, glyph, glyphDim] of ByT5. Output: `glyph` f32 [batch, glyph, model]. */
export function glyphContext(
  config: HunyuanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('glyph-context', { precision })
  const scope = new Scope(graph, weights)
  const states = graph.input('states', 'f32', ['batch', 'glyph', config.text_embed_2_dim])
  const tokens = scope.in('context_embedder_2', projection => {
    const inner = projection.storedSize('linear_1.weight', 0, glyphWidth)
    const normalized = layerNormLayer(projection, 'norm', cast(states, precision), epsilon)
    const first = gelu(linear(projection, 'linear_1', normalized, inner), 'none') // [batch, glyph, inner]
    const second = gelu(linear(projection, 'linear_2', first, inner), 'none')
    return linear(projection, 'linear_3', second, modelWidth(config))
  }) // [batch, glyph, model]
  graph.output('glyph', cast(ofType(scope, tokens, 'glyph', config), 'f32'))
  return graph
}

/** Input: `states` f32 [batch, image, imageDim] of SigLIP. Output: `image` f32 [batch, image, model]. */
export function imageContext(
  config: HunyuanTransformerConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('image-context', { precision })
  const scope = new Scope(graph, weights)
  const width = config.image_embed_dim
  const states = graph.input('states', 'f32', ['batch', 'image', width])
  const tokens = scope.in('image_embedder', projection => {
    const normalized = layerNormLayer(projection, 'norm_in', cast(states, precision), epsilon)
    const hidden = gelu(linear(projection, 'linear_1', normalized, width), 'none') // [batch, image, imageDim]
    const projected = linear(projection, 'linear_2', hidden, modelWidth(config))
    return layerNormLayer(projection, 'norm_out', projected, epsilon)
  }) // [batch, image, model]
  graph.output('image', cast(ofType(scope, tokens, 'image', config), 'f32'))
  return graph
}

/** Tokens with the embedding of what they are of. */
export function ofType(
  scope: Scope,
  tokens: Value,
  type: keyof typeof types,
  config: HunyuanTransformerConfig,
): Value {
  const table = scope.weight('cond_type_embed.weight', [3, modelWidth(config)])
  return add(tokens, slice(table, 0, types[type], types[type] + 1)) // [1, model]
}
