import { describe, expect, test } from 'vitest'
import { qkNormRope } from '../../../kernels/qk-norm-rope/op.ts'
import { Graph, type Value } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { serialize } from '../../../src/graph/serialize.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from '../graph/ops/evaluate.ts'

const [headDim, width, epsilon] = [4, 8, 1e-6] as const
const rows: Operand = { shape: ['batch', 'tokens', width] }
const scale: Operand = { shape: [width] }
const byHead: Operand = { shape: ['batch', 'tokens', headDim / 2] }
const byWidth: Operand = { shape: ['batch', 'tokens', width / 2] }

function build(...[query, key, first, second, cos, sin]: Value[]): readonly Value[] {
  const rotated = qkNormRope(
    { query: query!, key: key! },
    { query: first!, key: second! },
    { cos: cos!, sin: sin! },
    { epsilon, headDim },
  )
  return [rotated.query, rotated.key]
}

describe('queries and keys', () => {
  test.each([
    ['the same angles in every head', byHead],
    ['other angles in every head', byWidth],
  ])('are normalised over their width and turned pair by pair, by %s', async (_, table) => {
    const results = await evaluate([rows, rows, scale, scale, table, table], build)
    const pairs = Number(table.shape[2])
    const tokens = symbols.batch * symbols.tokens
    const [cos, sin] = [filler(tokens * pairs, 4), filler(tokens * pairs, 5)]
    results.forEach((result, index) => {
      const [x, weight] = [filler(tokens * width, index), filler(width, index + 2)]
      for (let token = 0; token < tokens; token++) {
        const row = x.slice(token * width, (token + 1) * width)
        const rms = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0) / width + epsilon)
        const y = row.map((value, channel) => (value / rms) * weight[channel]!)
        for (let pair = 0; pair < width / 2; pair++) {
          const [c, s] = [cos, sin].map(each => each[token * pairs + (pair % pairs)]!) as [number, number]
          const [even, odd] = [y[2 * pair]!, y[2 * pair + 1]!]
          const at = token * width + 2 * pair
          expect(result.data[at]).toBeCloseTo(even * c - odd * s, 4)
          expect(result.data[at + 1]).toBeCloseTo(even * s + odd * c, 4)
        }
      }
    })
  })

  test('go through one node where the graph may use the kernel, and through ops of ONNX elsewhere', () => {
    const nodesWith = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'bf16', kernels: new Set(kernels) })
      const operands = [rows, rows, scale, scale].map(({ shape }, index) =>
        cast(graph.input(`${index}`, 'f32', shape), 'bf16'),
      )
      const tables = ['cos', 'sin'].map(name => graph.input(name, 'f32', byHead.shape))
      const results = build(...operands, ...tables)
      expect(results.map(({ dtype, shape }) => [dtype, shape])).toEqual(Array(2).fill(['bf16', rows.shape]))
      const text = Buffer.from(serialize(graph, { locate: file => file })).toString('latin1')
      const { nodes } = graph
      return {
        ops: nodes.slice(operands.length).map(({ op }) => op),
        custom: text.includes('framewright\x10'),
      }
    }
    expect(nodesWith(['qk-norm-rope'])).toEqual({ ops: ['QkNormRope'], custom: true })
    const plain = ['RMSNormalization', 'Cast', 'RotaryEmbedding', 'Cast']
    expect(nodesWith(['another'])).toEqual({ ops: [...plain, ...plain], custom: false })
  })
})

describe('a mistake is named:', () => {
  const wrong = (at: number, operand: Operand) => {
    return mistakeIn(
      [rows, rows, scale, scale, byHead, byHead].with(at, operand),
      (...values) => build(...values)[0]!,
    )
  }
  const prefix = 'net: blocks.3.attn: QkNormRope: expected '

  test.each<[string, number, Operand, string]>([
    ['queries of another rank', 0, { shape: ['tokens', width] }, 'an operand of rank 3, got [tokens, 8].'],
    ['queries that are no floats', 0, { ...rows, integers: [] }, 'an operand in f32, f16 or bf16, got i64.'],
    [
      'keys of another shape',
      1,
      { shape: ['batch', 'keys', width] },
      "keys of the queries' shape [batch, tokens, 8], got [batch, keys, 8].",
    ],
    ['keys in another dtype', 1, { ...rows, integers: [] }, 'operands in f32, got i64.'],
    ['a scale of another width', 3, { shape: [4] }, 'a scale of [8], got [4].'],
    ['a scale in another dtype', 2, { ...scale, integers: [] }, 'operands in f32, got i64.'],
    [
      'a table of another size',
      4,
      { shape: ['batch', 'tokens', 3] },
      'tables in f32 of [batch, tokens, 2] or [batch, tokens, 4], got f32 [batch, tokens, 3].',
    ],
    [
      'a table in another dtype',
      5,
      { ...byHead, integers: [] },
      'tables in f32 of [batch, tokens, 2] or [batch, tokens, 4], got i64 [batch, tokens, 2].',
    ],
    [
      'tables of two sizes',
      5,
      byWidth,
      'cos and sin of one shape [batch, tokens, 2], got [batch, tokens, 4].',
    ],
  ])('%s', (_, at, operand, message) => {
    expect(wrong(at, operand)).toThrow(`${prefix}${message}`)
  })

  test('a width that heads do not divide', () => {
    const odd: Operand = { shape: ['batch', 'tokens', 6] }
    const operands = [odd, odd, { shape: [6] }, { shape: [6] }, byHead, byHead]
    expect(mistakeIn(operands, (...values) => build(...values)[0]!)).toThrow(
      `${prefix}a width of whole heads of 4 channels, got [batch, tokens, 6].`,
    )
  })
})
