import { describe, expect, test } from 'vitest'
import {
  type Conv1dOptions,
  type ConvTranspose1dOptions,
  conv1d,
  convTranspose1d,
} from '../../../../src/graph/ops/convolution-1d.ts'
import { repeatEdges } from '../../../../src/graph/ops/layout.ts'
import { evaluate, mistakeIn, numbersOf, type Operand } from './evaluate.ts'

const signals: Operand = { shape: ['batch', 2, '6*frames+1'] } // [2, 2, 19]

describe('conv1d', () => {
  test.each<[string, number, Conv1dOptions]>([
    ['without padding', 3, {}],
    ['with zeros at both ends', 4, { padding: [2, 1] }],
    ['dilated', 3, { dilation: 5, padding: [5, 5] }],
    ['with a stride over a length that it does not divide', 5, { stride: 3, padding: [4, 0] }],
  ])('%s', async (_, kernel, options) => {
    const operands = [signals, { shape: [3, 2, kernel] }, { shape: [3] }]
    await evaluate(operands, (x, weight, bias) => conv1d(x!, weight!, bias!, options))
    await evaluate(operands.slice(0, 2), (x, weight) => conv1d(x!, weight!, undefined, options))
  })

  test('multiplies the window with the kernel, not mirrored, and adds the bias', async () => {
    const operands = [
      { shape: [1, 1, 4], numbers: [1, 2, 3, 4] },
      { shape: [1, 1, 2], numbers: [1, 10] },
      { shape: [1], numbers: [0.5] },
    ]
    expect(await numbersOf(operands, (x, w, b) => conv1d(x!, w!, b!, { dilation: 2 }))).toEqual([31.5, 42.5])
  })

  test('refuses channels that differ, another rank and a stride that a length hides', () => {
    const weight = { shape: [3, 4, 3] }
    expect(mistakeIn([signals, weight], (x, w) => conv1d(x!, w!, undefined))).toThrow(
      'expected [n, in, time] and [out, in, kernel], got [batch, 2, 6*frames+1] and [3, 4, 3]',
    )
    expect(
      mistakeIn([signals, { shape: [3, 2, 3] }], (x, w) => conv1d(x!, w!, undefined, { stride: 4 })),
    ).toThrow('a length that the stride 4 divides')
    const bias = { shape: [2] }
    expect(mistakeIn([signals, { shape: [3, 2, 3] }, bias], (x, w, b) => conv1d(x!, w!, b!))).toThrow(
      'a bias of [3]',
    )
  })
})

describe('convTranspose1d', () => {
  test.each<[string, number, ConvTranspose1dOptions]>([
    ['whole', 4, {}],
    ['with a stride', 11, { stride: 5, crop: [3, 3] }],
    ['cropped unevenly', 43, { stride: 3, crop: [42, 40] }],
  ])('%s', async (_, kernel, options) => {
    const operands = [signals, { shape: [2, 3, kernel] }, { shape: [3] }]
    await evaluate(operands, (x, weight, bias) => convTranspose1d(x!, weight!, bias!, options))
  })

  test('adds a multiple of the kernel for every entry', async () => {
    const operands = [
      { shape: [1, 1, 3], numbers: [1, 2, 3] },
      { shape: [1, 1, 3], numbers: [1, 10, 100] },
    ]
    const build = (stride: number) =>
      numbersOf(operands, (x, w) => convTranspose1d(x!, w!, undefined, { stride }))
    expect(await build(2)).toEqual([1, 10, 102, 20, 203, 30, 300])
    expect(await build(1)).toEqual([1, 12, 123, 230, 300])
  })

  test('refuses channels that differ', () => {
    expect(mistakeIn([signals, { shape: [3, 2, 3] }], (x, w) => convTranspose1d(x!, w!, undefined))).toThrow(
      'expected [n, in, time] and [in, out, kernel], got [batch, 2, 6*frames+1] and [3, 2, 3]',
    )
  })
})

test('repeatEdges holds the first and the last entry', async () => {
  const operand = { shape: [1, 2, 2], numbers: [1, 2, 3, 4] }
  expect(await numbersOf([operand], x => repeatEdges(x!, 2, 2, 1))).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 4, 4])
  await evaluate([signals], x => repeatEdges(x!, -1, 5, 6))
})
