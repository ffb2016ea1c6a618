import { describe, expect, test } from 'vitest'
import type { Value } from '../../../../src/graph/graph.ts'
import {
  concat,
  cutAfter,
  gather,
  padBefore,
  repeatAround,
  reshape,
  reshapeLike,
  slice,
  split,
  transpose,
  unsqueeze,
} from '../../../../src/graph/ops/layout.ts'
import { evaluate, filler, mistakeIn, numbersOf, type Operand } from './evaluate.ts'

const tokens: Operand = { shape: ['batch', 'tokens', 8] } // [2, 5, 8]
const pictures: Operand = { shape: ['frames', 4, 'height', 'width'] } // [3, 4, 4, 6]

describe('reshape', () => {
  test.each<[string, (number | '=' | '*')[], Operand]>([
    ['splits an axis', ['=', '=', 2, 4], tokens],
    ['joins symbolic axes', ['=', 4, '*'], pictures],
    ['moves a factor from one axis to another', ['*', 2, '=', '='], pictures],
    ['flattens', ['*'], tokens],
  ])('%s', async (_, target, operand) => {
    const [result] = await evaluate([operand], x => reshape(x, target))
    const [same] = await evaluate([operand], x => x)
    expect(result!.data).toEqual(same!.data)
  })

  test('needs as many elements', () => {
    expect(mistakeIn([tokens], x => reshape(x, ['=', '=', 3, '*']))).toThrow(
      'net: blocks.3.attn: Reshape: expected as many elements as [batch, tokens, 8], got [=, =, 3, *].',
    )
    expect(mistakeIn([tokens], x => reshape(x, ['=', '=', 4]))).toThrow(
      'net: blocks.3.attn: Reshape: expected as many elements as [batch, tokens, 8], got [=, =, 4].',
    )
  })

  test('works out one axis only', () => {
    expect(mistakeIn([tokens], x => reshape(x, ['*', '*']))).toThrow(
      "net: blocks.3.attn: Reshape: expected one '*' at most, got [*, *].",
    )
  })

  test('takes the size of an axis that is there', () => {
    expect(mistakeIn([{ shape: [4] }], x => reshape(x, [1, '=']))).toThrow(
      /^net: blocks\.3\.attn: axis: expected/,
    )
  })
})

test('reshapeLike gives the shape of another value, read when it runs', async () => {
  const flat: Operand = { shape: ['frames', 'height*width', 4] }
  const like: Operand = { shape: ['frames', 'height', 'width', 4] }
  const [result] = await evaluate([flat, like], (x, y) => reshapeLike(x, y))
  expect(result!.shape).toEqual([3, 4, 6, 4])
  expect(mistakeIn([flat, tokens], (x, y) => reshapeLike(x, y))).toThrow(
    'net: blocks.3.attn: Reshape: expected as many elements as [batch, tokens, 8], got [frames, height*width, 4].',
  )
})

describe('transpose', () => {
  test('puts axis axes[i] of the operand at i', async () => {
    const numbers = await numbersOf([{ shape: [2, 3], numbers: [1, 2, 3, 4, 5, 6] }], x =>
      transpose(x, [1, 0]),
    )
    expect(numbers).toEqual([1, 4, 2, 5, 3, 6])
    await evaluate([pictures], x => transpose(x, [2, 0, 3, 1]))
  })

  test.each([[[0, 1]], [[0, 0, 1]], [[0, 1, 3]]])('needs a permutation, not [%s]', axes => {
    expect(mistakeIn([tokens], x => transpose(x, axes))).toThrow(
      `net: blocks.3.attn: Transpose: expected a permutation of the axes of [batch, tokens, 8], got [${axes}].`,
    )
  })
})

describe('concat', () => {
  test.each([0, 1, 2, -1])('joins along axis %d', async axis => {
    await evaluate([tokens, tokens, tokens], (a, b, c) => concat([a!, b!, c!] as [Value, Value, Value], axis))
  })

  test('adds up different sizes', async () => {
    const other: Operand = { shape: ['batch', 'keys', 8] }
    const [result] = await evaluate([tokens, other], (a, b) => concat([a!, b!], 1))
    expect(result!.shape).toEqual([2, 12, 8])
  })

  test('needs the other axes to agree, one dtype, and an axis that exists', () => {
    const wider: Operand = { shape: ['batch', 'tokens', 9] }
    const integers: Operand = { shape: ['batch', 'tokens', 8], integers: [] }
    expect(mistakeIn([tokens, wider], (a, b) => concat([a!, b!], 1))).toThrow(
      'net: blocks.3.attn: Concat: expected shapes that agree but for axis 1, got [batch, tokens, 8], [batch, tokens, 9].',
    )
    expect(mistakeIn([tokens, integers], (a, b) => concat([a!, b!], 1))).toThrow(
      'net: blocks.3.attn: Concat: expected operands in f32, got i64.',
    )
    expect(mistakeIn([tokens, tokens], (a, b) => concat([a!, b!], 3))).toThrow(
      'net: blocks.3.attn: Concat: expected an axis of [batch, tokens, 8], got 3.',
    )
  })
})

describe('slice', () => {
  const row: Operand = { shape: [6], numbers: [0, 1, 2, 3, 4, 5] }
  test.each<[string, number, number | undefined, number, number[]]>([
    ['from the start', 0, 2, 1, [0, 1]],
    ['to the end', 4, undefined, 1, [4, 5]],
    ['counted from the end', -2, undefined, 1, [4, 5]],
    ['up to one counted from the end', 1, -1, 1, [1, 2, 3, 4]],
    ['every second', 0, undefined, 2, [0, 2, 4]],
    ['every second of an odd number', 1, undefined, 2, [1, 3, 5]],
    ['every second of one element more', 0, -1, 2, [0, 2, 4]],
  ])('%s', async (_, start, end, step, expected) => {
    expect(await numbersOf([row], x => slice(x, 0, start, end, step))).toEqual(expected)
  })

  test.each<[number, number | undefined, number]>([
    [0, -1, 1],
    [1, undefined, 1],
    [-2, undefined, 1],
    [0, 2, 1],
  ])('of a symbolic axis: [%s, %s)', async (start, end, step) => {
    await evaluate([tokens], x => slice(x, 1, start, end, step))
    await evaluate([tokens], x => slice(x, -2, start, end, step))
  })

  test.each<[number, number, number | undefined, string]>([
    [2, 0, 9, '[0, 9)'],
    [2, -9, undefined, '[-9, )'],
    [2, 5, 5, '[5, 5)'],
    [2, 6, 5, '[6, 5)'],
  ])('needs a range inside the axis: axis %d, [%s, %s)', (axis, start, end, got) => {
    expect(mistakeIn([tokens], x => slice(x, axis, start, end))).toThrow(
      `net: blocks.3.attn: Slice: expected a range inside axis ${axis} of [batch, tokens, 8], got ${got} by 1.`,
    )
  })

  test('needs an axis that exists, and a step whose count is known', () => {
    expect(mistakeIn([tokens], x => slice(x, 3, 0, 1))).toThrow(
      'net: blocks.3.attn: Slice: expected an axis of [batch, tokens, 8], got 3.',
    )
    expect(mistakeIn([tokens], x => slice(x, 1, 0, undefined, 2))).toThrow(
      'net: blocks.3.attn: Slice: expected a range inside axis 1 of [batch, tokens, 8], got [0, ) by 2.',
    )
  })
})

describe('split', () => {
  test.each([
    [2, 4],
    [-1, 2],
  ])('cuts axis %d into %d equal parts, in order', async (axis, parts) => {
    const results = await evaluate([tokens], x => split(x, axis, parts))
    const [joined] = await evaluate([tokens], x => concat(split(x, axis, parts) as [Value, ...Value[]], axis))
    expect(results).toHaveLength(parts)
    expect([...(joined!.data as Float32Array)]).toEqual(filler(80))
  })

  test('needs an axis that the parts divide', () => {
    expect(mistakeIn([tokens], x => split(x, 2, 3))).toThrow(
      'net: blocks.3.attn: Split: expected axis 2 to divide by 3, got [batch, tokens, 8].',
    )
    expect(mistakeIn([tokens], x => split(x, -4, 2))).toThrow(
      'net: blocks.3.attn: Split: expected an axis of [batch, tokens, 8], got -4.',
    )
  })
})

describe('gather', () => {
  const picks: Operand = { shape: [2, 2], integers: [1, 0, 0, 1] }
  test.each([0, 1, 2, -1])('replaces axis %d by the axes of the indices', async axis => {
    await evaluate([tokens, picks], (x, indices) => gather(x!, indices!, axis))
  })

  test('picks in the order of the indices', async () => {
    const operands = [
      { shape: [3], numbers: [10, 20, 30] },
      { shape: [4], integers: [2, 0, 0, 1] },
    ]
    expect(await numbersOf(operands, (x, indices) => gather(x!, indices!, 0))).toEqual([30, 10, 10, 20])
  })

  test('needs whole numbers for indices and an axis that exists', () => {
    expect(mistakeIn([tokens, tokens], (x, indices) => gather(x!, indices!, 0))).toThrow(
      'net: blocks.3.attn: Gather: expected indices in i64 or i32, got f32.',
    )
    expect(mistakeIn([tokens, picks], (x, indices) => gather(x!, indices!, 3))).toThrow(
      'net: blocks.3.attn: Gather: expected an axis of [batch, tokens, 8], got 3.',
    )
  })
})

describe('unsqueeze', () => {
  test.each([0, 1, 3])('inserts axis %d', async axis => {
    await evaluate([tokens], x => unsqueeze(x, axis))
  })

  test('needs an axis counted from the front', () => {
    expect(mistakeIn([tokens], x => unsqueeze(x, 4))).toThrow(
      'net: blocks.3.attn: Unsqueeze: expected an axis of [batch, tokens, 8], got 4.',
    )
    expect(mistakeIn([tokens], x => unsqueeze(x, -1))).toThrow(
      'net: blocks.3.attn: Unsqueeze: expected an axis counted from the front, got -1.',
    )
  })
})

describe('padBefore', () => {
  test.each([0, 1, -1])('puts zeros before axis %d', async axis => {
    await evaluate([tokens], x => padBefore(x, axis, 2))
  })

  test('puts them before, not after', async () => {
    expect(await numbersOf([{ shape: [2], numbers: [1, 2] }], x => padBefore(x, 0, 2))).toEqual([0, 0, 1, 2])
    expect(mistakeIn([tokens], x => padBefore(x, 3, 2))).toThrow(
      'net: blocks.3.attn: Pad: expected an axis of [batch, tokens, 8], got 3.',
    )
  })
})

describe('cutAfter', () => {
  test('cuts an axis after as many entries as another value has', async () => {
    const longer: Operand = { shape: ['batch', 'tokens+keys', 8] }
    const [first, rest, whole] = await evaluate([longer, tokens], (x, like) => {
      const [start, end] = cutAfter(x!, 1, like!)
      return [start, end, concat([start, end], 1)]
    })
    expect([first!.shape, rest!.shape]).toEqual([
      [2, 5, 8],
      [2, 7, 8],
    ])
    expect([...(whole!.data as Float32Array)]).toEqual(filler(2 * 12 * 8))
  })

  test('refuses more than there are', () => {
    const mistake = mistakeIn([{ shape: [2, 3] }, { shape: [2, 4] }], (x, like) => cutAfter(x!, 1, like!)[0])
    expect(mistake).toThrow('Slice: expected at least as many entries on axis 1 as [2, 4], got [2, 3].')
  })
})

describe('repeatAround', () => {
  test('repeats the outermost rows and columns, and no other axis', async () => {
    await evaluate([pictures], x => repeatAround(x, 1))
    const square = { shape: [1, 2, 2], numbers: [1, 2, 3, 4] }
    const expected = [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]
    expect(await numbersOf([square], x => repeatAround(x, 1))).toEqual(expected)
  })
})
