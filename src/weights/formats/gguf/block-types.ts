/**
 * The quantised tensor types of GGML: how many elements a block has, and how its bytes give them (`ggml-quants.c`).
 * Scales are multiplied first, then the element, then the minimum is subtracted, all in f32, as llama.cpp does.
 */
import type { Value } from '../../../graph/graph.ts'
import { bitAnd, halfOf, shiftRight } from '../../../graph/ops/bits.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { reshapeDecoded } from '../../../graph/ops/computed-after.ts'
import { add, multiply, subtract } from '../../../graph/ops/elementwise.ts'
import { concat, gather, reshape, slice } from '../../../graph/ops/layout.ts'
import { codeTable } from '../packed-codes.ts'

export interface BlockType {
  readonly name: string
  /** Of a block. */
  readonly elements: number
  readonly bytes: number
  /** Where its scales and minima of f16 are, in bytes. */
  readonly scales: readonly number[]
  /** u8 [..., bytes] → f32 [..., elements] */
  decode(blocks: Value): Value
}

/** By their number in a file. */
export const blockTypes: ReadonlyMap<number, BlockType> = new Map([
  [2, { name: 'Q4_0', elements: 32, bytes: 18, scales: [0], decode: decodeQ40 }],
  [3, { name: 'Q4_1', elements: 32, bytes: 20, scales: [0, 2], decode: decodeQ41 }],
  [6, { name: 'Q5_0', elements: 32, bytes: 22, scales: [0], decode: decodeQ50 }],
  [7, { name: 'Q5_1', elements: 32, bytes: 24, scales: [0, 2], decode: decodeQ51 }],
  [8, { name: 'Q8_0', elements: 32, bytes: 34, scales: [0], decode: decodeQ80 }],
  [10, { name: 'Q2_K', elements: 256, bytes: 84, scales: [80, 82], decode: decodeQ2K }],
  [11, { name: 'Q3_K', elements: 256, bytes: 110, scales: [108], decode: decodeQ3K }],
  [12, { name: 'Q4_K', elements: 256, bytes: 144, scales: [0, 2], decode: decodeQ4K }],
  [13, { name: 'Q5_K', elements: 256, bytes: 176, scales: [0, 2], decode: decodeQ5K }],
  [14, { name: 'Q6_K', elements: 256, bytes: 210, scales: [208], decode: decodeQ6K }],
  [20, { name: 'IQ4_NL', elements: 32, bytes: 18, scales: [0], decode: decodeIQ4NL }],
  [23, { name: 'IQ4_XS', elements: 256, bytes: 136, scales: [0], decode: decodeIQ4XS }],
])

/** d, 32 signed bytes. */
function decodeQ80(blocks: Value): Value {
  return multiply(float(cast(part(blocks, 2, 32), 'i8')), scaleAt(blocks, 0))
}

/** d, 16 bytes of two elements: 4 bits, from −8. */
function decodeQ40(blocks: Value): Value {
  return multiply(subtract(float(nibbles(part(blocks, 2, 16))), 8), scaleAt(blocks, 0))
}

/** d, m, 16 bytes of two elements: 4 bits, from m. */
function decodeQ41(blocks: Value): Value {
  return add(multiply(float(nibbles(part(blocks, 4, 16))), scaleAt(blocks, 0)), scaleAt(blocks, 2))
}

/** d, a fifth bit of each element, 16 bytes of two elements, from −16. */
function decodeQ50(blocks: Value): Value {
  return multiply(subtract(fiveBits(part(blocks, 2, 4), part(blocks, 6, 16)), 16), scaleAt(blocks, 0))
}

/** d, m, a fifth bit of each element, 16 bytes of two elements. */
function decodeQ51(blocks: Value): Value {
  const elements = fiveBits(part(blocks, 4, 4), part(blocks, 8, 16))
  return add(multiply(elements, scaleAt(blocks, 0)), scaleAt(blocks, 2))
}

/** 16 scales and minima of 4 bits each, 64 bytes of four elements, d, dmin. */
function decodeQ2K(blocks: Value): Value {
  const scales = part(blocks, 0, 16)
  const elements = tail(twoBits(part(blocks, 16, 64)), 3, [16, 16])
  const scale = multiply(float(bitAnd(scales, 15)), scaleAt(blocks, 80))
  const minimum = multiply(float(shiftRight(scales, 4)), scaleAt(blocks, 82))
  return flat(subtract(multiply(elements, each(scale)), each(minimum)))
}

/** A third bit of each element, 64 bytes of four elements, 16 scales of 6 bits in 12 bytes, d. */
function decodeQ3K(blocks: Value): Value {
  const high = shiftRight(tail(part(blocks, 0, 32), 1, [1, 32]), [0, 1, 2, 3, 4, 5, 6, 7]) // [..., 8, 32]
  const low = tail(twoBits(part(blocks, 32, 64)), 3, [8, 32])
  const elements = add(subtract(low, 4), multiply(float(bitAnd(high, 1)), 4))
  const packed = part(blocks, 96, 12)
  const lowBits = concat([bitAnd(slice(packed, -1, 0, 8), 15), shiftRight(slice(packed, -1, 0, 8), 4)], -1)
  const highBits = shiftRight(tail(slice(packed, -1, 8, 12), 1, [1, 4]), [0, 2, 4, 6]) // [..., 4, 4]
  const highs = tail(float(bitAnd(highBits, 3)), 2, [16])
  const scale = multiply(subtract(add(float(lowBits), multiply(highs, 16)), 32), scaleAt(blocks, 108))
  return flat(multiply(tail(elements, 2, [16, 16]), each(scale)))
}

/** d, dmin, 8 scales and minima of 6 bits in 12 bytes, 128 bytes of two elements. */
function decodeQ4K(blocks: Value): Value {
  return withMinima(blocks, float(nibbleRows(part(blocks, 16, 128))))
}

/** As Q4_K, with a fifth bit of each element before the others. */
function decodeQ5K(blocks: Value): Value {
  const high = shiftRight(tail(part(blocks, 16, 32), 1, [1, 32]), [0, 1, 2, 3, 4, 5, 6, 7]) // [..., 8, 32]
  const low = float(nibbleRows(part(blocks, 48, 128)))
  return withMinima(blocks, add(low, multiply(float(bitAnd(high, 1)), 16)))
}

/** 128 bytes of the low 4 bits of two elements, 64 of the high 2 bits of four, 16 signed scales, d. */
function decodeQ6K(blocks: Value): Value {
  const packed = tail(part(blocks, 0, 128), 1, [2, 2, 32])
  const low = concat([bitAnd(packed, 15), shiftRight(packed, 4)], -2) // [..., 2, 4, 32]
  const elements = add(float(low), multiply(twoBits(part(blocks, 128, 64)), 16))
  const scale = multiply(float(cast(part(blocks, 192, 16), 'i8')), scaleAt(blocks, 208))
  return flat(multiply(tail(subtract(elements, 32), 3, [16, 16]), each(scale)))
}

/** What the codes of IQ4_NL and IQ4_XS stand for. */
const unevenCodes = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

/** d, 16 bytes of two codes. */
function decodeIQ4NL(blocks: Value): Value {
  return multiply(uneven(nibbles(part(blocks, 2, 16))), scaleAt(blocks, 0))
}

/** d, the high 2 bits of 8 scales in 2 bytes, their low 4 bits in 4 bytes, 128 bytes of two codes. Scales are from −32. */
function decodeIQ4XS(blocks: Value): Value {
  const high = shiftRight(tail(part(blocks, 2, 2), 1, [2, 1, 1]), [0, 2, 4, 6]) // [..., 2, 4, 1]
  const low = shiftRight(tail(part(blocks, 4, 4), 1, [4, 1, 1]), [0, 4]) // [..., 4, 2, 1]
  const scales = add(float(bitAnd(tail(low, 3, [8]), 15)), multiply(float(bitAnd(tail(high, 3, [8]), 3)), 16))
  const scale = multiply(subtract(scales, 32), scaleAt(blocks, 0)) // [..., 8]
  const codes = nibbles(tail(part(blocks, 8, 128), 1, [8, 16])) // [..., 8, 32]
  return flat(multiply(uneven(codes), each(scale)))
}

/** The values of codes, in f32. */
function uneven(codes: Value): Value {
  return gather(codeTable(codes.graph, unevenCodes), cast(codes, 'i32'), 0)
}

/** Elements [..., 8, 32] with the scales and minima of Q4_K and Q5_K. */
function withMinima(blocks: Value, elements: Value): Value {
  const [a, b, c] = [4, 8, 12].map(start => part(blocks, start, 4)) as [Value, Value, Value]
  const upper = (low: Value, high: Value) => add(float(low), multiply(float(shiftRight(high, 6)), 16))
  const scales = concat([float(bitAnd(a, 63)), upper(bitAnd(c, 15), a)], -1) // [..., 8]
  const minima = concat([float(bitAnd(b, 63)), upper(shiftRight(c, 4), b)], -1) // [..., 8]
  const scale = multiply(scales, scaleAt(blocks, 0))
  const minimum = multiply(minima, scaleAt(blocks, 2))
  return flat(subtract(multiply(elements, each(scale)), each(minimum)))
}

/** The bytes from `start` on: [..., bytes] → [..., count]. */
function part(blocks: Value, start: number, count: number): Value {
  return slice(blocks, -1, start, start + count)
}

/** The 16-bit float at a byte: [..., 1]. */
function scaleAt(blocks: Value, start: number): Value {
  return halfOf(part(blocks, start, 2))
}

/** The low halves of bytes, then the high ones: [..., n] → [..., 2n]. */
function nibbles(bytes: Value): Value {
  return concat([bitAnd(bytes, 15), shiftRight(bytes, 4)], -1)
}

/** The low and high halves of every 32 bytes as rows: [..., 128] → [..., 8, 32]. */
function nibbleRows(bytes: Value): Value {
  const rows = tail(bytes, 1, [4, 1, 32])
  return tail(concat([bitAnd(rows, 15), shiftRight(rows, 4)], -2), 3, [8, 32])
}

/** Elements of four bits, and a fifth in the order of the bits: [..., 4] and [..., 16] → f32 [..., 32]. */
function fiveBits(high: Value, low: Value): Value {
  // Shifts are along the axis before the last: [..., 4, 1, 1] → [..., 4, 8, 1].
  const bits = bitAnd(shiftRight(tail(high, 1, [4, 1, 1]), [0, 1, 2, 3, 4, 5, 6, 7]), 1)
  return add(float(nibbles(low)), multiply(float(tail(bits, 3, [32])), 16))
}

/** Elements of two bits, those of the same bits of 32 bytes beside each other: [..., 64] → f32 [..., 2, 4, 32]. */
function twoBits(bytes: Value): Value {
  return float(bitAnd(shiftRight(tail(bytes, 1, [2, 1, 32]), [0, 2, 4, 6]), 3))
}

function float(value: Value): Value {
  return cast(value, 'f32')
}

/** A factor for the elements of each row: [..., n] → [..., n, 1]. */
function each(values: Value): Value {
  return tail(values, 0, [1])
}

/** The elements of each block in a row, the last step of decoding: [..., n, m] → [..., n·m]. */
function flat(values: Value): Value {
  const [rows, width] = values.shape.slice(-2).map(Number) as [number, number]
  return reshape(values, [...values.shape.slice(0, -2).map(() => '=' as const), rows * width])
}

/** Replaces the last `count` axes. */
function tail(value: Value, count: number, axes: readonly number[]): Value {
  const kept = value.shape.slice(0, value.shape.length - count).map(() => '=' as const)
  return reshapeDecoded(value, [...kept, ...axes])
}
