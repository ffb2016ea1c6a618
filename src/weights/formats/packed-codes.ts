/** Codes of 4 bits, two in a byte. */
import type { Graph, Value } from '../../graph/graph.ts'
import { bitAnd, shiftRight } from '../../graph/ops/bits.ts'
import { cast } from '../../graph/ops/cast.ts'
import { computedAfter } from '../../graph/ops/computed-after.ts'
import { concat, gather, reshape } from '../../graph/ops/layout.ts'
import { tensor } from '../../tensor/tensor.ts'
import type { TensorLocation } from '../tensor-location.ts'

export interface PackedCodes {
  /** [rows, bytes], of any type of one byte. */
  readonly weight: TensorLocation
  /** The half of a byte that holds the even column. */
  readonly even: 'low' | 'high'
}

/** The codes in f32, by the value of each: [rows, 2 · bytes]. @param values f32 [16] */
export function decodeCodes(
  graph: Graph,
  key: string,
  { codes: { weight, even }, values, after }: { codes: PackedCodes; values: Value; after: Value },
): Value {
  const [rows, bytes] = weight.shape as [number, number]
  const stored = graph.weight(key, { ...weight, dtype: 'u8' }, [rows, bytes, 1])
  const packed = computedAfter(stored, after)
  const halves = [bitAnd(packed, 15), shiftRight(packed, 4)] as const
  const [first, second] = even === 'low' ? halves : [halves[1], halves[0]]
  const codes = reshape(concat([first, second], 2), [rows, 2 * bytes])
  return gather(values, cast(codes, 'i32'), 0)
}

/** A table of the values of codes. */
export function codeTable(graph: Graph, values: readonly number[]): Value {
  return graph.constant(tensor('f32', [16], Float32Array.from(values)))
}

/** Two's complement of 4 bits. */
export const signedCodes = Array.from({ length: 16 }, (_, code) => (code < 8 ? code : code - 16))
/** 4 bits that count from −8. */
export const offsetCodes = Array.from({ length: 16 }, (_, code) => code - 8)
/** E2M1 (OCP Microscaling Formats 1.0); the highest bit is the sign. */
export const floatCodes = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]
