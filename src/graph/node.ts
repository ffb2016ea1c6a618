import type { DType } from '../tensor/dtype.ts'

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
