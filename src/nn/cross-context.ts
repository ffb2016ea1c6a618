/**
 * What cross-attentions see that does not change with the step: rows of the transformer's width, or the keys and values of
 * every layer, which follow from the rows alone. Those of a prompt and a large network are hundreds of megabytes: where a
 * backend would send them to the device in every pass, they are computed there of the rows.
 */
import { Graph, type Value } from '../graph/graph.ts'
import { cast } from '../graph/ops/cast.ts'
import { Scope, type WeightSource } from '../graph/scope.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { linear, twoLayer } from './linear.ts'
import { rmsNormLayer } from './normalization.ts'

/** Keys and values of one cross-attention, [batch, rows, model]. */
export interface KeysAndValues {
  readonly key: Value
  readonly value: Value
}

/** Rows that cross-attentions see, and how. */
export interface ContextRows {
  /** Whose they are, which names their axis and, in front, the inputs of a transformer. */
  readonly source: string
  /** Width of a row. */
  readonly model: number
  /** Scopes of the cross-attentions. */
  readonly attentions: readonly string[]
  /** The layers in a cross-attention that make keys and values, and the norm of the keys. */
  readonly layers: { readonly key: string; readonly value: string; readonly norm: string }
  readonly bias: boolean
  /** Of the norm. */
  readonly epsilon: number
  /** Whether keys and values are computed once, for residents are fed without a copy. @default false */
  readonly inPlace: boolean | undefined
}

/** How a prompt's embeddings become rows. */
export interface PromptRows {
  /** Width of an embedding. */
  readonly width: number
  /** Scope of the two layers that bring it to the transformer's width. */
  readonly embedder: string
}

/**
 * The graph of what cross-attentions see of a prompt. Input: `text` f32 [batch, text, width], its embeddings. Outputs: those
 * of `contextOutputs`.
 */
export function promptContext(
  { width, embedder }: PromptRows,
  context: ContextRows,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  const graph = new Graph('context', { precision })
  const scope = new Scope(graph, weights)
  const text = graph.input('text', 'f32', ['batch', 'text', width])
  const rows = scope.in(embedder, layers => {
    return twoLayer(layers, cast(text, precision), context.model, 'gelu-tanh')
  }) // [batch, text, model]
  contextOutputs(scope, rows, context)
  return graph
}

/**
 * Outputs, f32 [batch, rows, model]: `<source>.embedding`, or `<attention>.<source>.key` and `<attention>.<source>.value` of
 * every cross-attention.
 * @param scope of the transformer
 * @param embedded [batch, rows, model]
 */
export function contextOutputs(scope: Scope, embedded: Value, context: ContextRows): void {
  const { graph } = scope
  const { source, attentions, inPlace } = context
  if (!inPlace) {
    graph.output(`${source}.embedding`, cast(embedded, 'f32'))
    return
  }
  for (const attention of attentions) {
    scope.in(attention, attn => {
      const { key, value } = keysAndValues(attn, embedded, context)
      graph.output(`${attention}.${source}.key`, cast(key, 'f32'))
      graph.output(`${attention}.${source}.value`, cast(value, 'f32'))
    })
  }
}

/**
 * Inputs as `contextOutputs` has them.
 * @returns what gives the keys and values of a cross-attention in its scope
 */
export function contextInputs(graph: Graph, context: ContextRows): (attn: Scope) => KeysAndValues {
  const { source, model, inPlace } = context
  const input = (name: string) => {
    return cast(graph.input(name, 'f32', ['batch', source, model]), graph.precision)
  }
  if (inPlace) {
    return ({ path }) => ({ key: input(`${path}.${source}.key`), value: input(`${path}.${source}.value`) })
  }
  const embedded = input(`${source}.embedding`)
  return attn => keysAndValues(attn, embedded, context)
}

function keysAndValues(
  attn: Scope,
  rows: Value,
  { model, layers, bias, epsilon }: ContextRows,
): KeysAndValues {
  return {
    key: rmsNormLayer(attn, layers.norm, linear(attn, layers.key, rows, model, { bias }), epsilon),
    value: linear(attn, layers.value, rows, model, { bias }),
  }
}
