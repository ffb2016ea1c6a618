import { describe, expect, test } from 'vitest'
import {
  type Conv2dOptions,
  conv2d,
  depthToSpace,
  spaceToDepth,
  upsampleNearest2x,
} from '../../../../src/graph/ops/convolution.ts'
import { averagePool, meanOver } from '../../../../src/graph/ops/pooling.ts'
import { evaluate, filler, mistakeIn, numbersOf, type Operand } from './evaluate.ts'

const pictures: Operand = { shape: ['frames', 2, 'height', 'width'] } // [3, 2, 4, 6]
const doubled: Operand = { shape: ['frames', 2, '2*height', '2*width'] } // [3, 2, 8, 12]

describe('conv2d', () => {
  test.each<[string, Operand, number, Conv2dOptions]>([
    ['without padding', pictures, 3, {}],
    ['with padding on every side', pictures, 3, { padding: [1, 1, 1, 1] }],
    ['of one pixel', pictures, 1, {}],
    ['with stride 2, padded below and right', doubled, 3, { stride: 2, padding: [0, 0, 1, 1] }],
    ['with stride 2 in patches', doubled, 2, { stride: 2 }],
    ['with stride 2 over a known odd size', { shape: [1, 2, 7, 9] }, 3, { stride: 2 }],
    [
      'with stride 2 over a known even size',
      { shape: [1, 2, 8, 10] },
      3,
      { stride: 2, padding: [1, 1, 1, 1] },
    ],
  ])('%s', async (_, operand, kernel, options) => {
    const operands = [operand, { shape: [5, 2, kernel, kernel] }, { shape: [5] }]
    await evaluate(operands, (x, weight, bias) => conv2d(x!, weight!, bias!, options))
  })

  test('multiplies the window with the kernel, not mirrored, and adds the bias', async () => {
    const operands = [
      { shape: [1, 1, 1, 4], numbers: [1, 2, 3, 4] },
      { shape: [1, 1, 1, 3], numbers: [1, 10, 100] },
      { shape: [1], numbers: [0.5] },
    ]
    expect(await numbersOf(operands, (x, w, b) => conv2d(x!, w!, b!, { padding: [0, 1, 0, 0] }))).toEqual([
      210.5, 321.5, 432.5,
    ])
  })

  test.each<[string, Operand, Operand, Operand, string]>([
    [
      'channels that differ',
      pictures,
      { shape: [5, 3, 3, 3] },
      { shape: [5] },
      'expected [n, in, h, w] and [out, in, kh, kw], got [frames, 2, height, width] and [5, 3, 3, 3]',
    ],
    [
      'a picture without a batch axis',
      { shape: [2, 'height', 'width'] },
      { shape: [5, 2, 3, 3] },
      { shape: [5] },
      'expected [n, in, h, w] and [out, in, kh, kw], got [2, height, width] and [5, 2, 3, 3]',
    ],
    [
      'a bias of another size',
      pictures,
      { shape: [5, 2, 3, 3] },
      { shape: [4] },
      'expected a bias of [5], got [4]',
    ],
    [
      'a weight in another dtype',
      pictures,
      { shape: [5, 2, 3, 3], integers: [] },
      { shape: [5] },
      'expected operands in f32, got i64',
    ],
  ])('refuses %s', (_, x, weight, bias, message) => {
    const mistake = mistakeIn([x, weight, bias], (a, w, b) => conv2d(a!, w!, b!))
    expect(mistake).toThrow(`net: blocks.3.attn: Conv: ${message}.`)
  })

  test('refuses a symbolic size that the stride may not divide', () => {
    const operands = [pictures, { shape: [5, 2, 3, 3] }, { shape: [5] }]
    expect(mistakeIn(operands, (x, w, b) => conv2d(x!, w!, b!, { stride: 2 }))).toThrow(
      'net: blocks.3.attn: Conv: expected a size that the stride 2 divides, got [frames, 2, height, width].',
    )
  })
})

describe('upsampleNearest2x', () => {
  test('repeats every pixel', async () => {
    const numbers = await numbersOf([{ shape: [1, 1, 2, 2], numbers: [1, 2, 3, 4] }], upsampleNearest2x)
    expect(numbers).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
    await evaluate([pictures], upsampleNearest2x)
  })

  test('needs pictures', () => {
    expect(mistakeIn([{ shape: [2, 3, 4] }], upsampleNearest2x)).toThrow(
      'net: blocks.3.attn: Resize: expected an operand of rank 4, got [2, 3, 4].',
    )
  })
})

describe('depthToSpace and spaceToDepth', () => {
  test('depthToSpace deals channels (c, row, column) out to pixels', async () => {
    const numbers = [0, 1, 2, 3, 10, 11, 12, 13] // two channels of one pixel, four places each
    const spread = await numbersOf([{ shape: [1, 8, 1, 1], numbers }], x => depthToSpace(x, 2))
    expect(spread).toEqual([0, 1, 2, 3, 10, 11, 12, 13])
    await evaluate([{ shape: ['frames', 8, 'height', 'width'] }], x => depthToSpace(x, 2))
  })

  test('depthToSpace takes channels (row, column, c), too: those that spaceToDepth makes', async () => {
    const [back, same] = await evaluate([doubled], x => [
      depthToSpace(spaceToDepth(x!, 2), 2, 'channel-last'),
      x!,
    ])
    expect(back!.data).toEqual(same!.data)
  })

  test('spaceToDepth gathers pixels into channels (row, column, c)', async () => {
    const numbers = [0, 1, 2, 3, 10, 11, 12, 13] // two channels of 2×2 pixels
    const gathered = await numbersOf([{ shape: [1, 2, 2, 2], numbers }], x => spaceToDepth(x, 2))
    expect(gathered).toEqual([0, 10, 1, 11, 2, 12, 3, 13])
    await evaluate([doubled], x => spaceToDepth(x, 2))
  })

  test('need channels or sizes that fit', () => {
    expect(mistakeIn([pictures], x => depthToSpace(x, 2))).toThrow(
      'net: blocks.3.attn: DepthToSpace: expected channels that 4 divides, got [frames, 2, height, width].',
    )
    expect(mistakeIn([pictures], x => spaceToDepth(x, 2))).toThrow(
      'net: blocks.3.attn: SpaceToDepth: expected a height and width that 2 divides, got [frames, 2, height, width].',
    )
    expect(mistakeIn([{ shape: [4, 2] }], x => depthToSpace(x, 2))).toThrow(
      'net: blocks.3.attn: DepthToSpace: expected an operand of rank 4, got [4, 2].',
    )
    expect(mistakeIn([{ shape: [4, 2] }], x => spaceToDepth(x, 2))).toThrow(
      'net: blocks.3.attn: SpaceToDepth: expected an operand of rank 4, got [4, 2].',
    )
  })
})

describe('pooling', () => {
  test('averagePool gives the mean of every window', async () => {
    const numbers = [1, 3, 10, 20, 5, 7, 30, 40]
    expect(await numbersOf([{ shape: [1, 1, 2, 4], numbers }], x => averagePool(x, 2))).toEqual([4, 25])
    await evaluate([doubled], x => averagePool(x, 2))
  })

  test('averagePool needs pictures that the window divides', () => {
    expect(mistakeIn([pictures], x => averagePool(x, 2))).toThrow(
      'net: blocks.3.attn: AveragePool: expected a height and width that 2 divides, got [frames, 2, height, width].',
    )
    expect(mistakeIn([{ shape: [2, 4, 4] }], x => averagePool(x, 2))).toThrow(
      'net: blocks.3.attn: AveragePool: expected an operand of rank 4, got [2, 4, 4].',
    )
  })

  test.each([0, 2, -1])('meanOver takes axis %d away', async axis => {
    await evaluate([pictures], x => meanOver(x, axis))
  })

  test('meanOver gives the mean', async () => {
    const [a, b, c, d] = filler(4) as [number, number, number, number]
    const means = await numbersOf([{ shape: [2, 2] }], x => meanOver(x, 1))
    expect(means[0]).toBeCloseTo((a + b) / 2, 6)
    expect(means[1]).toBeCloseTo((c + d) / 2, 6)
    expect(mistakeIn([pictures], x => meanOver(x, 4))).toThrow(
      'net: blocks.3.attn: ReduceMean: expected an axis of [frames, 2, height, width], got 4.',
    )
  })
})
