import { describe, expect, test } from 'vitest'
import type { Value } from '../../../../src/graph/graph.ts'
import { gelu, silu } from '../../../../src/graph/ops/activation.ts'
import { cast } from '../../../../src/graph/ops/cast.ts'
import { filledLike, scalarLike } from '../../../../src/graph/ops/constant.ts'
import {
  add,
  clip,
  cos,
  divide,
  maximum,
  multiply,
  round,
  sin,
  subtract,
} from '../../../../src/graph/ops/elementwise.ts'
import { evaluate, filler, mistakeIn, numbersOf, type Operand } from './evaluate.ts'

const tokens: Operand = { shape: ['batch', 'tokens', 8] }
const integers: Operand = { shape: ['batch', 'tokens', 8], integers: new Array(80).fill(3) }

describe.each<[string, string, (a: Value, b: Value | number) => Value, (a: number, b: number) => number]>([
  ['add', 'Add', add, (a, b) => a + b],
  ['subtract', 'Sub', subtract, (a, b) => a - b],
  ['multiply', 'Mul', multiply, (a, b) => a * b],
  ['divide', 'Div', divide, (a, b) => a / b],
  ['maximum', 'Max', maximum, Math.max],
])('%s', (_, op, build, formula) => {
  test('works on every element', async () => {
    const [left, right] = [filler(6, 0), filler(6, 1)]
    const operands = [
      { shape: [6], numbers: left },
      { shape: [6], numbers: right },
    ]
    const expected = left.map((a, index) => Math.fround(formula(a, right[index]!)))
    expect(await numbersOf(operands, (a, b) => build(a!, b!))).toEqual(expected)
  })

  test('takes a number for the second operand', async () => {
    const expected = filler(6).map(a => Math.fround(formula(a, 0.5)))
    expect(await numbersOf([{ shape: [6] }], x => build(x, 0.5))).toEqual(expected)
  })

  test.each<[Operand, Operand]>([
    [tokens, { shape: [8] }],
    [{ shape: [8] }, tokens],
    [tokens, { shape: ['batch', 1, 8] }],
    [{ shape: ['batch', 'tokens', 1] }, { shape: [1, 1, 8] }],
    [tokens, { shape: [] }],
  ])('broadcasts $0.shape with $1.shape', async (a, b) => {
    await evaluate([a, b], (x, y) => build(x!, y!))
  })

  test('needs one dtype, and shapes that broadcast', () => {
    expect(mistakeIn([tokens, integers], (a, b) => build(a!, b!))).toThrow(
      `net: blocks.3.attn: ${op}: expected two operands of one dtype, got f32 and i64.`,
    )
    expect(mistakeIn([tokens, { shape: ['batch', 'keys', 8] }], (a, b) => build(a!, b!))).toThrow(
      `net: blocks.3.attn: ${op}: expected shapes that broadcast, got [batch, tokens, 8] and [batch, keys, 8].`,
    )
    expect(mistakeIn([integers], x => build(x, 1))).toThrow(
      'net: blocks.3.attn: constant: expected a float operand, got i64.',
    )
  })
})

describe.each<[string, string, (x: Value) => Value, (x: number) => number]>([
  ['cos', 'Cos', cos, Math.cos],
  ['sin', 'Sin', sin, Math.sin],
  ['silu', 'QuickGelu', silu, x => x / (1 + Math.exp(-x))],
  ['gelu by its tanh form', 'Gelu', x => gelu(x, 'tanh'), geluTanh],
  ['gelu', 'Gelu', x => gelu(x, 'none'), x => (x / 2) * (1 + erf(x / Math.SQRT2))],
])('%s', (_, op, build, formula) => {
  test('works on every element and keeps the shape', async () => {
    const [result] = await evaluate([tokens], build)
    filler(80).forEach((x, index) => {
      expect(Number(result!.data[index])).toBeCloseTo(formula(x), 5)
    })
  })

  test('needs floats', () => {
    expect(mistakeIn([integers], build)).toThrow(
      `net: blocks.3.attn: ${op}: expected an operand in f32, f16 or bf16, got i64.`,
    )
  })
})

test('round goes to the nearest whole number, halves to even', async () => {
  const numbers = [-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 2.6]
  expect(await numbersOf([{ shape: [7], numbers }], round)).toEqual([-2, -2, -0, 0, 2, 2, 3])
})

test('clip limits to both ends', async () => {
  const numbers = [-5, -1, 0.5, 1, 7]
  expect(await numbersOf([{ shape: [5], numbers }], x => clip(x, -1, 1))).toEqual([-1, -1, 0.5, 1, 1])
})

describe('cast', () => {
  test('brings values to another dtype', async () => {
    const [result] = await evaluate([{ shape: [3], numbers: [1, 2.7, 255] }], x => cast(x, 'u8'))
    expect([...(result!.data as Uint8Array)]).toEqual([1, 2, 255])
    await evaluate([tokens], x => [cast(x, 'f16'), cast(x, 'i64'), cast(x, 'i32')])
  })

  test('adds nothing when the dtype is that already', async () => {
    mistakeIn([tokens], x => expect(cast(x, 'f32')).toBe(x))()
  })
})

describe('constants', () => {
  test('have the dtype of the value they go with', async () => {
    const [half, filled] = await evaluate([tokens], x => [
      cast(scalarLike(cast(x, 'bf16'), 0.5), 'f32'),
      cast(filledLike(cast(x, 'f16'), [2, 2], -1.5), 'f32'),
    ])
    expect([...(half!.data as Float32Array)]).toEqual([0.5])
    expect([...(filled!.data as Float32Array)]).toEqual([-1.5, -1.5, -1.5, -1.5])
  })
})

/** Hendrycks & Gimpel 2016, section 2. */
function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

/** By its Maclaurin series: exact to double precision for the small arguments used here. */
function erf(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
