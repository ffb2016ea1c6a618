/**
 * What the Wan transformer's cross-attentions see, of a prompt and of a picture: embeddings of the transformer's width, or
 * the keys and values of every layer, which follow from them alone and do not change with the step.
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear, twoLayer } from '../../src/nn/linear.ts'
import { rmsNormLayer } from '../../src/nn/normalization.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { modelWidth, type WanTransformerConfig } from './config.ts'

/** Keys and values of one cross-attention, [batch, rows, model]. */
export interface KeysAndValues {
  readonly key: Value
  readonly value: Value
}

/** Whose rows they are, which names the axis too. */
type Source = 'text' | 'image'

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
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const text = graph.input('text', 'f32', ['batch', 'text', config.text_dim])
  const embedded = scope.in('condition_embedder.text_embedder', embedder =>
    twoLayer(embedder, cast(text, precision), modelWidth(config), 'gelu-tanh'),
  ) // [batch, text, model]
  contextOutputs(scope, 'text', embedded, { config, target })
  return graph
}

/**
 * Outputs, f32 [batch, rows, model]: `<source>.embedding`, or `<layer>.<source>.key` and `<layer>.<source>.value` of every
 * cross-attention.
 * @param scope of the transformer
 * @param embedded [batch, rows, model]
 */
export function contextOutputs(
  scope: Scope,
  source: Source,
  embedded: Value,
  { config, target }: { readonly config: WanTransformerConfig; readonly target: GraphTarget },
): void {
  const { graph } = scope
  if (!target.residentsInPlace) {
    graph.output(`${source}.embedding`, cast(embedded, 'f32'))
    return
  }
  for (const layer of crossAttentions(config)) {
    scope.in(layer, attn => {
      const { key, value } = keysAndValues(attn, source, embedded, config)
      graph.output(`${layer}.${source}.key`, cast(key, 'f32'))
      graph.output(`${layer}.${source}.value`, cast(value, 'f32'))
    })
  }
}

/**
 * Inputs as `contextOutputs` has them. Keys and values of a prompt and a large network are hundreds of megabytes: where a
 * backend would send them to the device in every pass, they are computed there of the embeddings.
 * @returns what gives the keys and values of a cross-attention in its scope
 */
export function contextInputs(
  graph: Graph,
  source: Source,
  { config, target }: { readonly config: WanTransformerConfig; readonly target: GraphTarget },
): (attn: Scope) => KeysAndValues {
  const input = (name: string) => {
    return cast(graph.input(name, 'f32', ['batch', source, modelWidth(config)]), graph.precision)
  }
  if (target.residentsInPlace) {
    return ({ path }) => ({ key: input(`${path}.${source}.key`), value: input(`${path}.${source}.value`) })
  }
  const embedded = input(`${source}.embedding`)
  return attn => keysAndValues(attn, source, embedded, config)
}

function keysAndValues(
  attn: Scope,
  source: Source,
  rows: Value,
  config: WanTransformerConfig,
): KeysAndValues {
  const { norm, key, value } = projections[source]
  const model = modelWidth(config)
  return {
    key: rmsNormLayer(attn, norm, linear(attn, key, rows, model), config.eps),
    value: linear(attn, value, rows, model),
  }
}

/** Scopes of the cross-attentions. */
export function crossAttentions(config: WanTransformerConfig): string[] {
  const main = Array.from({ length: config.num_layers }, (_, layer) => `blocks.${layer}`)
  const hints = (config.vace_layers ?? []).map((_, layer) => `vace_blocks.${layer}`)
  return [...main, ...hints].map(layer => `${layer}.attn2`)
}
