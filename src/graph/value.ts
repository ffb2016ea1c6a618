import type { DType } from '../tensor/dtype.ts'
import type { Dim, Shape } from './dims.ts'
import type { Graph } from './graph.ts'

/** A tensor that the graph will compute: what every op takes and gives. */
export interface Value {
  readonly graph: Graph
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

/** A weight in a file: dtype, and where its bytes are. */
export interface ExternalTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Absolute real path. */
  readonly file: string
  /** Offset of the first byte in the file. */
  readonly offset: number
  readonly bytes: number
}

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string }

export interface Node {
  readonly name: string
  readonly op: string
  /** `framewright` has the operators of kernels/. */
  readonly domain: '' | 'com.microsoft' | 'framewright'
  /** Names of the inputs; '' for an optional one that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** The dimension at an axis that is known to exist. */
export function dimAt(value: Value, axis: number): Dim {
  const dim = value.shape.at(axis)
  if (dim === undefined)
    throw value.graph.invalid('axis', `an axis of ${value.name} ${value.shape}`, `${axis}`)
  return dim
}
