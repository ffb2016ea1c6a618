import { describe, expect, test } from 'vitest'
import { concatenate, sliceAxis } from '../../../src/tensor/axis.ts'
import { bytesPerElement, elementCount } from '../../../src/tensor/dtype.ts'
import { float32Data, lazyTensor, reshaped, tensor } from '../../../src/tensor/tensor.ts'

const counting = (...shape: number[]) =>
  tensor(
    'f32',
    shape,
    Float32Array.from({ length: elementCount(shape) }, (_, index) => index),
  )

describe('tensor', () => {
  test('needs as many elements as its shape has', () => {
    expect(() => tensor('f32', [2, 3], new Float32Array(5))).toThrow(
      new RangeError('tensor: expected 6 elements for [2,3], got 5.'),
    )
    expect(tensor('i64', [], BigInt64Array.of(1n)).shape).toEqual([])
  })

  test('is reshaped without a copy', () => {
    const source = counting(2, 6)
    expect(reshaped(source, [3, 4]).data).toBe(source.data)
    expect(() => reshaped(source, [5])).toThrow(RangeError)
  })

  test('is computed when it is first read, once, where it is lazy', () => {
    let times = 0
    const lazy = lazyTensor('f32', [2], () => Float32Array.of(++times, 7))
    expect([lazy.shape, times]).toEqual([[2], 0])
    expect(lazy.data).toBe(lazy.data)
    expect([...structuredClone(lazy).data, times]).toEqual([1, 7, 1])
    expect(() => lazyTensor('f32', [3], () => new Float32Array(2)).data).toThrow(
      'tensor: expected 3 elements for [3], got 2.',
    )
  })

  test('gives its numbers as f32, or says what it has', () => {
    expect(float32Data(counting(2))).toEqual(Float32Array.of(0, 1))
    expect(() => float32Data(tensor('u8', [1], new Uint8Array(1)))).toThrow('tensor: expected f32, got u8.')
    expect(() => float32Data(undefined)).toThrow('tensor: expected f32, got none.')
  })
})

test('bytes of an element are the width in the name of its dtype', () => {
  for (const dtype of ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'i16', 'i8', 'u8'] as const) {
    expect(bytesPerElement(dtype)).toBe(Number(/\d+$/.exec(dtype)![0]) / 8)
  }
  expect(['f8e4m3', 'f8e5m2', 'bool'].map(dtype => bytesPerElement(dtype as 'bool'))).toEqual([1, 1, 1])
})

describe('axes', () => {
  test.each([0, 1, 2])('axis %d cut in two and joined again is what it was', axis => {
    const source = counting(3, 4, 5)
    const length = source.shape[axis]!
    const parts = [sliceAxis(source, axis, 0, 2), sliceAxis(source, axis, 2, length)]
    expect(parts.map(part => part.shape[axis])).toEqual([2, length - 2])
    expect(concatenate(parts, axis)).toEqual(source)
  })

  test('a slice has the entries from start up to, not including, end', () => {
    expect([...sliceAxis(counting(2, 3), 1, 1, 3).data]).toEqual([1, 2, 4, 5])
    expect([...sliceAxis(counting(3, 2), 0, 1, 2).data]).toEqual([2, 3])
  })

  test('nothing cannot be joined', () => {
    expect(() => concatenate([], 0)).toThrow('concatenate: expected at least one tensor, got none.')
  })
})
