import { describe, expect, test } from 'vitest'
import { tensor } from '../../../src/tensor/tensor.ts'
import { toFloat32 } from '../../../src/weights/safetensors.ts'
import { referenceTensors } from './reference-file.ts'

/** All 256 values of an 8-bit float, with sums over the finite ones to compare with torch 2.13's. */
function sums(dtype: 'f8e4m3' | 'f8e5m2'): { sum: number; magnitudes: number; values: Float32Array } {
  const values = toFloat32(
    tensor(
      dtype,
      [256],
      Uint8Array.from({ length: 256 }, (_, bits) => bits),
    ),
  ).data
  const finite = [...values].filter(Number.isFinite)
  return {
    values,
    sum: finite.reduce((total, value) => total + value, 0),
    magnitudes: finite.reduce((total, value) => total + Math.abs(value), 0),
  }
}

describe('toFloat32', () => {
  test('reads float8 e4m3 as torch.float8_e4m3fn', () => {
    const { values, sum, magnitudes } = sums('f8e4m3')
    const picked = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7b, 0x7c, 0x7e, 0x7f, 0x80, 0x81, 0xff, 0xfe]
    expect(picked.map(bits => values[bits])).toEqual([
      0,
      2 ** -9,
      0.013671875,
      2 ** -6,
      1,
      352,
      384,
      448,
      Number.NaN,
      -0,
      -(2 ** -9),
      Number.NaN,
      -448,
    ])
    expect([...values].filter(Number.isNaN)).toHaveLength(2)
    expect({ sum, magnitudes }).toEqual({ sum: 0, magnitudes: 10815.75 })
  })

  test('reads float8 e5m2 as torch.float8_e5m2', () => {
    const { values, sum, magnitudes } = sums('f8e5m2')
    const picked = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7b, 0x7c, 0xfc, 0x80, 0x81, 0xff]
    expect(picked.map(bits => values[bits])).toEqual([
      0,
      2 ** -16,
      7 * 2 ** -16,
      2 ** -13,
      0.5,
      57344,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
      -(2 ** -16),
      Number.NaN,
    ])
    expect([...values].filter(Number.isNaN)).toHaveLength(6)
    expect({ sum, magnitudes }).toEqual({ sum: 0, magnitudes: 720895.9995117188 })
  })

  test('reads the other dtypes by their values and keeps the shape', () => {
    const values = [...referenceTensors].map(([key, value]) => [key, [...toFloat32(value).data]])
    expect(Object.fromEntries(values)).toEqual({
      a16: [1],
      b32: [7],
      c64: [1.25],
      i64: [2 ** 40],
      f32: [0, 1, 2, 3, 4, 5],
      'a.f32': [],
      ü: [0.5, -1],
      f16: [1.5],
      e4: [1.5, -448],
      e5: [0.25],
      i8: [1, -2, 3],
      u8: [255],
      flag: [1, 0],
    })
    expect(toFloat32(referenceTensors.get('f32')!).shape).toEqual([2, 3])
  })
})
