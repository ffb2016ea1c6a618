import { describe, expect, test } from 'vitest'
import { rotaryTables } from '../../../src/geometry/rotary.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'

/**
 * Values of diffusers 0.40's WanRotaryPosEmbed (torch 2.13, float64 angles): one of each pair of its interleaved
 * columns. Rows are tokens, columns are channel pairs.
 */
const references = [
  {
    headDim: 128,
    grid: { frames: 21, height: 30, width: 52 },
    sums: [1381000.2599899024, 343423.1153949694],
    columns: [0, 1, 21, 32, 63],
    rows: {
      0: { cos: [1, 1, 1, 1, 1], sin: [0, 0, 0, 0, 0] },
      1: { cos: [1, 1, 1, 1, 1], sin: [0, 0, 0, 0, 0.0001550515735289082] },
      10920: {
        cos: [0.7539022564888, -0.10665316879749298, 0.999999463558197, 1, 1],
        sin: [0.6569865942001343, -0.9942963123321533, 0.0010639375541359186, 0, 0],
      },
      32759: {
        cos: [
          0.4080820679664612, 0.8296622633934021, 0.9999953508377075, 0.9355062246322632, 0.9999687075614929,
        ],
        sin: [
          0.9129452705383301, 0.5582656264305115, 0.0030398175586014986, 0.3533101975917816,
          0.007907547987997532,
        ],
      },
    },
  },
  {
    headDim: 24,
    grid: { frames: 5, height: 3, width: 5 },
    sums: [682.3885269463062, 118.91205439402256],
    columns: [0, 1, 4, 6, 11],
    rows: {
      25: {
        cos: [0.5403022766113281, 0.9950041770935059, -0.416146844625473, 0.9998000264167786, 1],
        sin: [0.8414709568023682, 0.0998334139585495, 0.9092974066734314, 0.019998665899038315, 0],
      },
      74: {
        cos: [
          -0.6536436080932617, 0.9210609793663025, -0.416146844625473, 0.9998000264167786, 0.9999920129776001,
        ],
        sin: [
          -0.756802499294281, 0.3894183337688446, 0.9092974066734314, 0.019998665899038315,
          0.003999989479780197,
        ],
      },
    },
  },
  {
    headDim: 64,
    grid: { frames: 1, height: 64, width: 4 },
    sums: [6676.672333041206, 793.723040837096],
    columns: [0, 1, 10, 16, 31],
    rows: {
      85: {
        cos: [1, 1, 1, 0.8640701174736023, 0.9999999403953552],
        sin: [0, 0, 0, 0.5033714175224304, 0.0002511886414140463],
      },
      255: {
        cos: [1, 1, 1, -0.011691858991980553, 0.9999997019767761],
        sin: [0, 0, 0, 0.9999316334724426, 0.000753565866034478],
      },
    },
  },
  {
    headDim: 128,
    grid: { frames: 1024, height: 1, width: 1 },
    columns: [0, 1, 10, 21],
    rows: {
      1023: {
        cos: [0.4000681936740875, 0.7214786410331726, -0.987342894077301, 0.98793625831604],
        sin: [-0.9164853692054749, 0.692436695098877, 0.1586003452539444, 0.15486115217208862],
      },
    },
  },
] as const

const sum = ({ data }: Tensor<'f32'>) => data.reduce((total, value) => total + value, 0)

describe('rotaryTables', () => {
  test.each(references)(
    'equals diffusers for heads of $headDim on $grid',
    ({ headDim, grid, columns, rows, ...rest }) => {
      const { cos, sin } = rotaryTables({ grid, headDim })
      const pairs = headDim / 2
      const tokens = grid.frames * grid.height * grid.width
      expect([cos.shape, sin.shape]).toEqual([
        [1, tokens, pairs],
        [1, tokens, pairs],
      ])
      expect([cos.data.length, sin.data.length]).toEqual([tokens * pairs, tokens * pairs])
      for (const [row, expected] of Object.entries(rows)) {
        const at = ({ data }: Tensor<'f32'>) => columns.map(column => data[Number(row) * pairs + column])
        for (const [index, value] of expected.cos.entries()) expect(at(cos)[index]).toBeCloseTo(value, 7)
        for (const [index, value] of expected.sin.entries()) expect(at(sin)[index]).toBeCloseTo(value, 7)
      }
      if (!('sums' in rest)) return
      expect(sum(cos)).toBeCloseTo(rest.sums[0], 4)
      expect(sum(sin)).toBeCloseTo(rest.sums[1], 4)
    },
  )

  test('gives time what thirds of the head leave over', () => {
    // A head of 12 has two pairs an axis, one of 16 has four for time: time alone turns pairs 2 and 3 there.
    const later = rotaryTables({ grid: { frames: 3, height: 2, width: 3 }, headDim: 16 })
    const last = [...later.sin.data.subarray(-8)]
    const expected = [2, 0.2, 0.02, 0.002, 1, 0.01, 2, 0.02].map(angle => Math.sin(angle))
    for (const [index, value] of expected.entries()) expect(last[index]).toBeCloseTo(value, 7)
  })

  test('takes another base', () => {
    const { sin } = rotaryTables({ grid: { frames: 2, height: 1, width: 1 }, headDim: 12, theta: 100 })
    expect(sin.data[6 + 1]).toBeCloseTo(Math.sin(0.1), 7)
  })

  test('refuses an odd head', () => {
    expect(() => rotaryTables({ grid: { frames: 1, height: 1, width: 1 }, headDim: 7 })).toThrow(RangeError)
  })
})

test('gives frames, rows and columns as many channels as they are said to have', () => {
  const grid = { frames: 2, height: 2, width: 3 }
  const { cos, sin } = rotaryTables({ grid, headDim: 16, axes: [4, 6, 6], theta: 256 })
  expect(cos.shape).toEqual([1, 12, 8])
  // The last token is at frame 1, row 1, column 2.
  const angles = [
    1,
    256 ** -0.5,
    1,
    256 ** (-1 / 3),
    256 ** (-2 / 3),
    2,
    2 * 256 ** (-1 / 3),
    2 * 256 ** (-2 / 3),
  ]
  for (const [pair, angle] of angles.entries()) {
    expect(cos.data[11 * 8 + pair]).toBeCloseTo(Math.cos(angle), 6)
    expect(sin.data[11 * 8 + pair]).toBeCloseTo(Math.sin(angle), 6)
  }
})
