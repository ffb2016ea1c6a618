import { describe, expect, test } from 'vitest'
import { Graph } from '../../../../src/graph/graph.ts'
import { attention, rotaryEmbedding } from '../../../../src/graph/ops/attention.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { relativeError } from '../../../compare.ts'
import { runGraph } from '../../../graph-session.ts'
import { evaluate, filler, mistakeIn, type Operand } from './evaluate.ts'

const heads = 2
const query: Operand = { shape: ['batch', 'tokens', 8] } // [2, 5, 8]
const key: Operand = { shape: ['batch', 'keys', 8] } // [2, 7, 8]
const value: Operand = { shape: ['batch', 'keys', 8] }

/** −1e30 for every key behind its query, of 5. */
const laterKeys = Array.from({ length: 25 }, (_, at) => (at % 5 > Math.floor(at / 5) ? -1e30 : 0))

describe('attention', () => {
  test('is softmax(QKᵀ / √d) V over every head', async () => {
    const [result] = await evaluate([query, key, value], (q, k, v) => attention(q!, k!, v!, { heads }))
    expectAttention(result!.data as Float32Array, { scale: 1 / Math.sqrt(4), bias: () => 0 })
  })

  test('takes another scale', async () => {
    const [result] = await evaluate([query, key, value], (q, k, v) =>
      attention(q!, k!, v!, { heads, scale: 1 }),
    )
    expectAttention(result!.data as Float32Array, { scale: 1, bias: () => 0 })
  })

  test.each<[string, Operand, (batch: number, head: number) => number]>([
    ['of every head', { shape: ['batch', heads, 'tokens', 'keys'] }, (batch, head) => batch * heads + head],
    ['for all heads', { shape: ['batch', 1, 'tokens', 'keys'] }, batch => batch],
    ['for all of the batch', { shape: [1, heads, 'tokens', 'keys'] }, (_, head) => head],
  ])('adds a bias %s to the scores', async (_, bias, plane) => {
    const build = [query, key, value, bias]
    const [result] = await evaluate(build, (q, k, v, b) => attention(q!, k!, v!, { heads, bias: b! }))
    const biases = filler(2 * heads * 5 * 7, 3)
    expectAttention(result!.data as Float32Array, {
      scale: 1 / Math.sqrt(4),
      bias: (batch, head, row, column) => biases[(plane(batch, head) * 5 + row) * 7 + column]!,
    })
  })

  test('shows causal queries the keys up to their own place alone', async () => {
    const own: Operand = { shape: ['batch', 'tokens', 8] }
    const mask: Operand = { shape: [1, 1, 'tokens', 'tokens'], numbers: laterKeys }
    const [causal, masked] = await evaluate([query, own, own, mask], (q, k, v, bias) => [
      attention(q!, k!, v!, { heads, causal: true }),
      attention(q!, k!, v!, { heads, bias: bias! }),
    ])
    expect(relativeError(causal!.data as Float32Array, masked!.data as Float32Array)).toBeLessThan(1e-6)
  })

  test('refuses causal keys that are not as many as the queries', () => {
    const mistake = mistakeIn([query, key, value], (q, k, v) =>
      attention(q!, k!, v!, { heads, causal: true }),
    )
    expect(mistake).toThrow(
      'expected as many causal keys as queries [batch, tokens, 8], got [batch, keys, 8].',
    )
  })

  test('gives the width of the values', async () => {
    const wide: Operand = { shape: ['batch', 'keys', 12] }
    await evaluate([query, key, wide], (q, k, v) => attention(q!, k!, v!, { heads }))
  })

  test.each<[string, Operand[], string]>([
    [
      'a query of rank 2',
      [{ shape: ['tokens', 8] }, key, value],
      'expected an operand of rank 3, got [tokens, 8]',
    ],
    [
      'keys of another width',
      [query, { shape: ['batch', 'keys', 6] }, value],
      'expected widths that 2 heads divide, query and key of one, got [batch, tokens, 8], [batch, keys, 6], [batch, keys, 8]',
    ],
    [
      'values that the heads do not divide',
      [query, key, { shape: ['batch', 'keys', 7] }],
      'expected widths that 2 heads divide, query and key of one, got [batch, tokens, 8], [batch, keys, 8], [batch, keys, 7]',
    ],
    [
      'another number of values than keys',
      [query, key, { shape: ['batch', 'tokens', 8] }],
      'expected as many values as keys [batch, keys, 8], got [batch, tokens, 8]',
    ],
    [
      'a bias of rank 3',
      [query, key, value, { shape: ['batch', 'tokens', 'keys'] }],
      'expected an operand of rank 4, got [batch, tokens, keys]',
    ],
    [
      'a bias over other keys',
      [query, key, value, { shape: ['batch', 1, 'tokens', 'tokens'] }],
      'expected a bias of [1 or batch, 1 or 2, tokens, keys], got [batch, 1, tokens, tokens]',
    ],
    [
      'keys in another dtype',
      [query, { shape: ['batch', 'keys', 8], integers: [] }, value],
      'expected operands in f32, got i64',
    ],
  ])('refuses %s', (_, operands, message) => {
    const mistake = mistakeIn(operands, (q, k, v, bias) =>
      attention(q!, k!, v!, { heads, ...(bias && { bias }) }),
    )
    expect(mistake).toThrow(`net: blocks.3.attn: MultiHeadAttention: ${message}.`)
  })
})

describe('key lengths', () => {
  test('take the weight from keys beyond their row’s length', async () => {
    const graph = new Graph('attention', { precision: 'f32' })
    const padded = graph.input('key', 'f32', ['batch', 'keys', 8])
    const keyLengths = graph.input('lengths', 'i32', ['batch'])
    const queries = graph.input('query', 'f32', ['batch', 'queries', 8])
    graph.output('mixed', attention(queries, padded, padded, { heads, keyLengths }))
    const run = async (keys: number) => {
      const { mixed } = await runGraph(graph, {
        query: tensor('f32', [1, 3, 8], Float32Array.from(filler(24))),
        key: tensor('f32', [1, keys, 8], Float32Array.from(filler(8 * keys, 1))),
        lengths: tensor('i32', [1], Int32Array.of(2)),
      })
      return mixed!.data
    }
    expect(await run(4)).toEqual(await run(2))
  })

  test.each<['i64' | 'i32', string[]]>([
    ['i64', ['batch']],
    ['i32', ['batch', 'tokens']],
  ])('are not %s %s', (dtype, shape) => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['batch', 'tokens', 8])
    const keyLengths = graph.input('lengths', dtype, shape)
    expect(() => attention(x, x, x, { heads, keyLengths })).toThrow(
      `net: MultiHeadAttention: expected key lengths as i32 [batch], got ${dtype} [${shape.join(', ')}].`,
    )
  })
})

describe('rotaryEmbedding', () => {
  const table: Operand = { shape: ['batch', 'tokens', 2] }

  test('turns every pair of neighbours by its angle, the same in every head', async () => {
    const [result] = await evaluate([query, table, table], (x, cos, sin) =>
      rotaryEmbedding(x!, { cos: cos!, sin: sin! }, heads),
    )
    const [x, cos, sin] = [filler(80), filler(20, 1), filler(20, 2)]
    for (let index = 0; index < 80; index += 2) {
      const angle = Math.floor(index / 8) * 2 + (index % 4) / 2
      const [a, b, c, s] = [x[index]!, x[index + 1]!, cos[angle]!, sin[angle]!]
      expect(Number(result!.data[index])).toBeCloseTo(a * c - b * s, 5)
      expect(Number(result!.data[index + 1])).toBeCloseTo(a * s + b * c, 5)
    }
  })

  test('turns channels half a head apart where pairs are halves', async () => {
    const [result] = await evaluate([query, table, table], (x, cos, sin) =>
      rotaryEmbedding(x!, { cos: cos!, sin: sin! }, heads, 'halves'),
    )
    const [x, cos, sin] = [filler(80), filler(20, 1), filler(20, 2)]
    for (let head = 0; head < 20; head++) {
      for (let pair = 0; pair < 2; pair++) {
        const [first, second] = [head * 4 + pair, head * 4 + pair + 2]
        const angle = Math.floor(head / 2) * 2 + pair
        const [a, b, c, s] = [x[first]!, x[second]!, cos[angle]!, sin[angle]!]
        expect(Number(result!.data[first])).toBeCloseTo(a * c - b * s, 5)
        expect(Number(result!.data[second])).toBeCloseTo(a * s + b * c, 5)
      }
    }
  })

  test.each<[string, Operand[], string]>([
    [
      'x of rank 2',
      [{ shape: ['tokens', 8] }, table, table],
      'expected an operand of rank 3, got [tokens, 8]',
    ],
    [
      'cosines of another width',
      [query, { shape: ['batch', 'tokens', 4] }, table],
      'expected tables of [batch, tokens, 2], got [batch, tokens, 4]',
    ],
    [
      'sines of other tokens',
      [query, table, { shape: ['batch', 'keys', 2] }],
      'expected tables of [batch, tokens, 2], got [batch, keys, 2]',
    ],
    [
      'sines in another dtype',
      [query, table, { shape: ['batch', 'tokens', 2], integers: [] }],
      'expected operands in f32, got i64',
    ],
  ])('refuses %s', (_, operands, message) => {
    const mistake = mistakeIn(operands, (x, cos, sin) => rotaryEmbedding(x!, { cos: cos!, sin: sin! }, heads))
    expect(mistake).toThrow(`net: blocks.3.attn: RotaryEmbedding: ${message}.`)
  })
})

interface Scores {
  readonly scale: number
  readonly bias: (batch: number, head: number, row: number, column: number) => number
}

/** Compares with the formula, written out: batch 2, 5 queries, 7 keys, 2 heads of 4. */
function expectAttention(actual: Float32Array, { scale, bias }: Scores): void {
  const [q, k, v] = [filler(80), filler(112, 1), filler(112, 2)]
  const at = (data: number[], batch: number, rows: number, row: number, head: number, dim: number) =>
    data[(batch * rows + row) * 8 + head * 4 + dim]!
  for (let batch = 0; batch < 2; batch++) {
    for (let head = 0; head < heads; head++) {
      for (let row = 0; row < 5; row++) {
        const weights = Array.from({ length: 7 }, (_, column) => {
          let score = 0
          for (let dim = 0; dim < 4; dim++)
            score += at(q, batch, 5, row, head, dim) * at(k, batch, 7, column, head, dim)
          return Math.exp(score * scale + bias(batch, head, row, column))
        })
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        for (let dim = 0; dim < 4; dim++) {
          const mixed = weights.reduce(
            (sum, weight, column) => sum + (weight / total) * at(v, batch, 7, column, head, dim),
            0,
          )
          expect(actual[(batch * 5 + row) * 8 + head * 4 + dim]).toBeCloseTo(mixed, 4)
        }
      }
    }
  }
}
