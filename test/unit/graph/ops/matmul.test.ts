import { expect, test } from 'vitest'
import { matmulTransposed } from '../../../../src/graph/ops/matmul.ts'
import { evaluate, mistakeIn, numbersOf, type Operand } from './evaluate.ts'

const weight: Operand = { shape: [4, 8] }

test('multiplies by the weight as torch stores it, transposed', async () => {
  const operands = [
    { shape: [1, 2], numbers: [1, 10] },
    { shape: [3, 2], numbers: [1, 2, 3, 4, 5, 6] },
  ]
  expect(await numbersOf(operands, (x, w) => matmulTransposed(x!, w!))).toEqual([21, 43, 65])
})

test.each<[Operand]>([
  [{ shape: ['tokens', 8] }],
  [{ shape: ['batch', 'tokens', 8] }],
  [{ shape: ['batch', 'frames', 'tokens', 8] }],
])('keeps every axis but the last of $0.shape', async operand => {
  await evaluate([operand, weight], (x, w) => matmulTransposed(x!, w!))
})

test('needs a weight of rank 2, a width that fits, and one dtype', () => {
  const x: Operand = { shape: ['batch', 'tokens', 8] }
  const build = (...[a, w]: Parameters<Parameters<typeof mistakeIn>[1]>) => matmulTransposed(a!, w!)
  expect(mistakeIn([x, { shape: [4, 8, 1] }], build)).toThrow(
    'net: blocks.3.attn: FusedMatMul: expected a weight of rank 2, got [4, 8, 1].',
  )
  expect(mistakeIn([x, { shape: [8, 4] }], build)).toThrow(
    'net: blocks.3.attn: FusedMatMul: expected a last dimension of 4, got [batch, tokens, 8].',
  )
  expect(mistakeIn([x, { shape: [4, 8], integers: [] }], build)).toThrow(
    'net: blocks.3.attn: FusedMatMul: expected a weight in f32, got i64.',
  )
})
