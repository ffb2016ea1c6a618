import { expect, test } from 'vitest'
import { dequantize, quantize } from '../../../../src/graph/ops/quantization.ts'
import { mistakeIn, numbersOf } from './evaluate.ts'

test('quantize rounds halves to even, with a scale of each row, and clips', async () => {
  const x = { shape: [2, 4], numbers: [0.5, 1.5, -2.5, 200, 1, -3, 5, -900] }
  const scale = { shape: [2], numbers: [1, 2] }
  const found = await numbersOf([x, scale], (values, scales) => dequantize(quantize(values, scales), scales))
  expect(found).toEqual([0, 2, -2, 127, 0, -4, 4, -256])
})

test('quantize gives integers of 8 bits', () => {
  let found: string | undefined
  mistakeIn([{ shape: ['tokens', 3] }, { shape: ['tokens'] }], (x, scale) => {
    found = quantize(x!, scale!).dtype
  })()
  expect(found).toBe('i8')
})

test('quantize takes a scale of each row, in f32', () => {
  expect(mistakeIn([{ shape: [2, 3] }, { shape: [3] }], (x, scale) => quantize(x!, scale!))).toThrow(
    'net: blocks.3.attn: QuantizeLinear: expected a scale of [2], got [3]',
  )
  expect(
    mistakeIn([{ shape: [2], integers: [1, 2] }, { shape: [2] }], (x, scale) => quantize(x!, scale!)),
  ).toThrow('net: blocks.3.attn: QuantizeLinear: expected f32 with a scale in f32, got i64 with f32')
})
