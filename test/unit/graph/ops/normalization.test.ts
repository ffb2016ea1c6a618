import { describe, expect, test } from 'vitest'
import { l2Norm, layerNorm, rmsNorm } from '../../../../src/graph/ops/normalization.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from './evaluate.ts'

const tokens: Operand = { shape: ['batch', 'tokens', 8] }
const vector: Operand = { shape: [8] }
const rows = Array.from({ length: 10 }, (_, row) => filler(80).slice(8 * row, 8 * row + 8))

describe('layerNorm', () => {
  test('brings every row to mean 0 and variance 1', async () => {
    const [result] = await evaluate([tokens], x => layerNorm(x, 1e-6))
    expectRows(result!.data as Float32Array, row => {
      const mean = average(row)
      const deviation = Math.sqrt(average(row.map(value => (value - mean) ** 2)) + 1e-6)
      return row.map(value => (value - mean) / deviation)
    })
  })

  test('scales and shifts by its weights', async () => {
    const [plain] = await evaluate([tokens], x => layerNorm(x, 1e-6))
    const affine = await evaluate([tokens, vector, vector], (x, scale, bias) =>
      layerNorm(x!, 1e-6, { scale: scale!, bias: bias! }),
    )
    const [scale, bias] = [filler(8, 1), filler(8, 2)]
    plain!.data.forEach((value, index) => {
      const expected = Number(value) * scale[index % 8]! + bias[index % 8]!
      expect(Number(affine[0]!.data[index])).toBeCloseTo(expected, 4)
    })
  })

  test('scales and shifts every group of rows by its own weights', async () => {
    const [plain] = await evaluate([tokens], x => layerNorm(x, 1e-6))
    const perGroup: Operand = { shape: ['batch', 1, 8] }
    const affine = await evaluate([tokens, perGroup, perGroup], (x, scale, bias) =>
      layerNorm(x!, 1e-6, { scale: scale!, bias: bias! }),
    )
    const { batch, tokens: rowsOfGroup } = symbols
    const [scale, bias] = [filler(8 * batch, 1), filler(8 * batch, 2)]
    plain!.data.forEach((value, index) => {
      const at = 8 * Math.floor(index / (8 * rowsOfGroup)) + (index % 8)
      expect(Number(affine[0]!.data[index])).toBeCloseTo(Number(value) * scale[at]! + bias[at]!, 4)
    })
  })

  test('needs weights of the last axis, in its dtype', () => {
    const build = (scale: Operand, bias: Operand) =>
      mistakeIn([tokens, scale, bias], (x, s, b) => layerNorm(x!, 1e-6, { scale: s!, bias: b! }))
    expect(build({ shape: [7] }, vector)).toThrow(
      'net: blocks.3.attn: LayerNormalization: expected a scale of [8], got [7].',
    )
    expect(build(vector, { shape: [1, 8] })).toThrow(
      'net: blocks.3.attn: LayerNormalization: expected a bias of [8], got [1, 8].',
    )
    expect(build(vector, { shape: [8], integers: [] })).toThrow(
      'net: blocks.3.attn: LayerNormalization: expected operands in f32, got i64.',
    )
  })

  test('needs a last axis of known size', () => {
    expect(mistakeIn([{ shape: [8, 'width'] }], x => layerNorm(x, 1e-6))).toThrow(
      'net: blocks.3.attn: LayerNormalization: expected a last axis of known size, got [8, width].',
    )
  })
})

describe('rmsNorm', () => {
  test('divides every row by its root mean square and scales it', async () => {
    const [result] = await evaluate([tokens, vector], (x, scale) => rmsNorm(x!, scale!, 1e-6))
    const scale = filler(8, 1)
    expectRows(result!.data as Float32Array, row => {
      const rms = Math.sqrt(average(row.map(value => value ** 2)) + 1e-6)
      return row.map((value, index) => (value / rms) * scale[index]!)
    })
  })

  test('needs a scale of the last axis', () => {
    expect(mistakeIn([tokens, { shape: [4] }], (x, scale) => rmsNorm(x!, scale!, 1e-6))).toThrow(
      'net: blocks.3.attn: RMSNormalization: expected a scale of [8], got [4].',
    )
  })
})

describe('l2Norm', () => {
  test.each([0, 1, 2, -1, -3])('keeps axis %d with size 1', async axis => {
    await evaluate([tokens], x => l2Norm(x, axis))
  })

  test('is the root of the sum of squares', async () => {
    const [result] = await evaluate([tokens], x => l2Norm(x, -1))
    rows.forEach((row, index) => {
      expect(Number(result!.data[index])).toBeCloseTo(Math.hypot(...row), 5)
    })
    expect(mistakeIn([tokens], x => l2Norm(x, 3))).toThrow(
      'net: blocks.3.attn: ReduceL2: expected an axis of [batch, tokens, 8], got 3.',
    )
  })
})

function expectRows(data: Float32Array, formula: (row: number[]) => number[]): void {
  rows.flatMap(formula).forEach((value, index) => {
    expect(data[index]).toBeCloseTo(value, 4)
  })
}

function average(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}
