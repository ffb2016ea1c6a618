import { expect, test } from 'vitest'

test('typed arrays are equal by their elements and their type', () => {
  const numbers = Float32Array.of(1, Number.NaN, 0)
  expect({ numbers }).toEqual({ numbers: numbers.slice() })
  expect(new Uint8Array([9, 1, 2, 9]).subarray(1, 3)).toEqual(Uint8Array.of(1, 2))
  expect(numbers).not.toEqual(Float32Array.of(1, Number.NaN, -0))
  expect(numbers).not.toEqual(Float32Array.of(1, Number.NaN))
  expect(Uint8Array.of(1)).not.toEqual(Int8Array.of(1))
  expect(new Uint8Array(4)).not.toEqual(new Float32Array(1))
})
