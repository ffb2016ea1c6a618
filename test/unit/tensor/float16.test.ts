import { describe, expect, test } from 'vitest'
import {
  fromBfloat16Bits,
  fromFloat16Bits,
  toBfloat16Bits,
  toFloat16Bits,
} from '../../../src/tensor/float16.ts'

interface Format {
  readonly name: string
  readonly exponentBits: number
  readonly to: (value: number) => number
  readonly from: (bits: number) => number
}

const formats: readonly Format[] = [
  { name: 'float16', exponentBits: 5, to: toFloat16Bits, from: fromFloat16Bits },
  { name: 'bfloat16', exponentBits: 8, to: toBfloat16Bits, from: fromBfloat16Bits },
]

describe.each(formats)('$name', ({ exponentBits, to, from }) => {
  const fractionBits = 15 - exponentBits
  const infinity = ((1 << exponentBits) - 1) << fractionBits
  const all = Array.from({ length: 0x10000 }, (_, bits) => bits)
  const isNaNBits = (bits: number) => (bits & 0x7fff) > infinity

  test('every pattern has the value of its sign, exponent and fraction', () => {
    const wrong = all.filter(bits => !Object.is(from(bits), valueByDefinition(bits)))
    expect(wrong).toEqual([])
  })

  test('every pattern survives the way there and back; a NaN stays one, quiet', () => {
    const quiet = 1 << (fractionBits - 1)
    const wrong = all.filter(bits => {
      const back = to(from(bits))
      return isNaNBits(bits) ? !isNaNBits(back) || (back & quiet) === 0 : back !== bits
    })
    expect(wrong).toEqual([])
  })

  test('what lies between two neighbours goes to the nearer one, a tie to the even one', () => {
    const wrong: number[] = []
    // The neighbour of the largest finite number is where the next one would be: beyond the tie is infinity.
    for (let bits = 0; bits < infinity; bits++) {
      const low = from(bits)
      const high = bits + 1 === infinity ? low + (low - from(bits - 1)) : from(bits + 1)
      const tie = (low + high) / 2
      const even = bits % 2 === 0 ? bits : bits + 1
      const nearest = [to(neighbour(tie, -1)), to(tie), to(neighbour(tie, 1))]
      const expected = [bits, even, bits + 1]
      if (nearest.some((found, index) => found !== expected[index])) wrong.push(bits)
      const negative = [to(-neighbour(tie, -1)), to(-tie), to(-neighbour(tie, 1))]
      if (negative.some((found, index) => found !== (expected[index]! | 0x8000))) wrong.push(bits | 0x8000)
    }
    expect(wrong).toEqual([])
  })

  test('infinities stay, larger numbers become one, smaller ones a zero of their sign', () => {
    expect(to(Number.POSITIVE_INFINITY)).toBe(infinity)
    expect(to(Number.NEGATIVE_INFINITY)).toBe(infinity | 0x8000)
    expect(to(3.4028234663852886e38)).toBe(infinity)
    expect(to(2 ** -149)).toBe(0)
    expect(to(-(2 ** -149))).toBe(0x8000)
    expect(to(-0)).toBe(0x8000)
  })

  /** IEEE 754-2019, 3.4. */
  function valueByDefinition(bits: number): number {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits & 0x7fff) >> fractionBits
    const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits)
    const bias = (1 << (exponentBits - 1)) - 1
    if (exponent === (1 << exponentBits) - 1)
      return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
  }
})

/** The float32 next to a positive one. */
function neighbour(value: number, direction: 1 | -1): number {
  const float = Float32Array.of(value)
  const bits = new Uint32Array(float.buffer)
  bits[0] = bits[0]! + direction
  return float[0]!
}
