import type { DType } from '../tensor/dtype.ts'
import { sameShape } from './dims.ts'
import type { Encoding, StoredFloat8, StoredWeight } from './encoding.ts'
import type { Graph, Value } from './graph.ts'
import type { ExternalTensor } from './node.ts'
import { cast } from './ops/cast.ts'
import { add, multiply } from './ops/elementwise.ts'
import { gather, reshape, slice } from './ops/layout.ts'

/** Where a graph's weights come from: a checkpoint that keeps account of what was taken. */
export interface WeightSource {
  has(key: string): boolean
  /** The shape of a tensor as it is stored; undefined where there is none, or where shapes are being asked for. */
  shapeOf(key: string): readonly number[] | undefined
  /** @throws CheckpointError when the key is missing or its shape is not the expected one */
  take(key: string, shape: readonly number[]): StoredWeight
  /** A tensor that may be stored under several names, which all count as taken. */
  takeOneOf(keys: readonly string[], shape: readonly number[]): StoredWeight
  /** What adapters add to a tensor, of its shape. */
  additions(key: string): readonly { readonly tensor: ExternalTensor; readonly scale: number }[]
  /** What adapters add to a matrix [out, in]: scale · up · down. */
  lowRank(key: string): readonly StoredLowRank[]
  /** Whether the linear layer of a matrix multiplies in 8-bit floats. @default none does */
  readonly inFloat8?: (key: string) => boolean
}

interface StoredLowRank {
  /** [rank, in] */
  readonly down: StoredWeight
  /** [out, rank] */
  readonly up: StoredWeight
  readonly scale: number
}

/** A matrix [out, in] for products in 8-bit floats: in e4m3 where it is stored so, else in floats that are to be rounded. */
export type Float8Matrix = StoredFloat8 | { readonly floats: Value }

/** scale · up [out, rank] · down [rank, in] */
export interface LowRankBranch {
  readonly down: Value
  readonly up: Value
  readonly scale: number
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
   * @param options.after a value that an encoded weight is decoded after @default the graph's first input
   */
  weight(
    name: string,
    shape: readonly number[],
    options: { dtype?: DType; as?: readonly number[]; after?: Value } = {},
  ): Value {
    const key = this.#key(name)
    const dtype = options.dtype ?? this.graph.precision
    const as = options.as ?? shape
    const load = (name: string, stored: StoredWeight) => {
      if (!stored.encoding) return cast(this.graph.weight(name, stored, as), dtype)
      const decoded = withoutPadding(this.#decoded(name, stored.encoding, options.after), shape)
      return cast(sameShape(as, decoded.shape) ? decoded : reshape(decoded, as), dtype)
    }
    return this.#source
      .additions(key)
      .reduce(
        (sum, { tensor, scale }, index) => add(sum, multiply(load(`${key}.adapter.${index}`, tensor), scale)),
        load(key, this.#source.take(key, shape)),
      )
  }

  /** Whether the linear layer that a matrix of this scope belongs to multiplies in 8-bit floats. */
  inFloat8(name: string): boolean {
    return this.#source.inFloat8?.(this.#key(name)) ?? false
  }

  /**
   * A matrix for products in 8-bit floats.
   * @param shape [out, in]
   * @param after a value that it is decoded after
   */
  float8Matrix(name: string, shape: readonly number[], after: Value): Float8Matrix {
    const key = this.#key(name)
    if (this.#source.additions(key).length > 0) return { floats: this.weight(name, shape, { after }) }
    const stored = this.#source.take(key, shape)
    const { encoding } = stored
    if (!encoding) return { floats: this.graph.weight(key, stored, shape) }
    if (encoding.float8) return encoding.float8(this.graph, key)
    return { floats: withoutPadding(encoding.decode(this.graph, key, after), shape) }
  }

  /** What adapters add to a weight of this scope that is used as a matrix, whichever shape it is stored in. */
  lowRank(name: string, options: { dtype?: DType; after?: Value } = {}): LowRankBranch[] {
    const key = this.#key(name)
    const dtype = options.dtype ?? this.graph.precision
    const load = (name: string, stored: StoredWeight) => {
      const { encoding } = stored
      return cast(
        encoding ? this.#decoded(name, encoding, options.after) : this.graph.weight(name, stored),
        dtype,
      )
    }
    return this.#source.lowRank(key).map(({ down, up, scale }, index) => ({
      down: load(`${key}.adapter.${index}.down`, down),
      up: load(`${key}.adapter.${index}.up`, up),
      scale,
    }))
  }

  /**
   * Rows of a table that is stored under one of several names, in the graph's precision: only they are cast or decoded.
   * @param ids i64 row numbers
   * @returns [...ids, width]
   */
  rows(names: readonly [string, ...string[]], shape: readonly number[], ids: Value): Value {
    const keys = names.map(name => this.#key(name))
    const stored = this.#source.takeOneOf(keys, shape)
    const rows = stored.encoding
      ? stored.encoding.rows(this.graph, keys[0]!, ids)
      : gather(this.graph.weight(keys[0]!, stored, shape), ids, 0)
    return cast(rows, this.graph.precision)
  }

  /**
   * The size of a stored weight along an axis, for widths that no config has.
   * @param fallback where the weights are not at hand
   */
  storedSize(name: string, axis: number, fallback: number): number {
    return this.#source.shapeOf(this.#key(name))?.[axis] ?? fallback
  }

  #decoded(name: string, encoding: Encoding, given: Value | undefined): Value {
    const after = given ?? this.graph.inputs[0]
    if (!after) throw this.graph.invalid(name, 'an input of the graph, to decode the weight after', 'none')
    return encoding.decode(this.graph, name, after)
  }

  #key(name: string): string {
    return this.path ? `${this.path}.${name}` : name
  }
}

/** The first rows and columns of a value. */
function withoutPadding(value: Value, shape: readonly number[]): Value {
  return shape.reduce(
    (rest, dim, axis) => (rest.shape[axis] === dim ? rest : slice(rest, axis, 0, dim)),
    value,
  )
}
