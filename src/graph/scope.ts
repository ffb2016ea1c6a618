import type { DType } from '../tensor/dtype.ts'
import type { Graph } from './graph.ts'
import { cast } from './ops/cast.ts'
import type { ExternalTensor, Value } from './value.ts'

/** Where a graph's weights come from: a checkpoint that keeps account of what was taken. */
export interface WeightSource {
  has(key: string): boolean
  /** @throws CheckpointError when the key is missing or its shape is not the expected one */
  take(key: string, shape: readonly number[]): ExternalTensor
  /** A tensor that may be stored under several names, which all count as taken. */
  takeOneOf(keys: readonly string[], shape: readonly number[]): ExternalTensor
}

/** A place in the network: its path is the prefix of checkpoint keys, node names and error messages. */
export class Scope {
  readonly graph: Graph
  readonly path: string
  readonly #source: WeightSource

  constructor(graph: Graph, source: WeightSource, path = '') {
    this.graph = graph
    this.path = path
    this.#source = source
  }

  /** Builds a part of the network one scope further down. */
  in<T>(name: string, body: (scope: Scope) => T): T {
    return this.graph.within(name, () => body(new Scope(this.graph, this.#source, this.#key(name))))
  }

  /**
   * A weight of this scope, in the graph's precision unless `dtype` says otherwise.
   * `shape` is the one the checkpoint must have; `as` re-interprets it, row-major.
   */
  weight(
    name: string,
    shape: readonly number[],
    options: { dtype?: DType; as?: readonly number[] } = {},
  ): Value {
    const key = this.#key(name)
    const stored = this.graph.weight(key, this.#source.take(key, shape), options.as ?? shape)
    return cast(stored, options.dtype ?? this.graph.precision)
  }

  /** A table to gather from, as it is stored, under one of several names: casting the rows is cheaper. */
  table(names: readonly [string, ...string[]], shape: readonly number[]): Value {
    const keys = names.map(name => this.#key(name))
    return this.graph.weight(keys[0]!, this.#source.takeOneOf(keys, shape), shape)
  }

  #key(name: string): string {
    return this.path ? `${this.path}.${name}` : name
  }
}
