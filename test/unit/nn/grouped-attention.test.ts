import { describe, expect, test } from 'vitest'
import { attention } from '../../../src/graph/ops/attention.ts'
import { concat, slice } from '../../../src/graph/ops/layout.ts'
import { groupedAttention } from '../../../src/nn/grouped-attention.ts'
import { relativeError } from '../../compare.ts'
import { evaluate, mistakeIn, type Operand } from '../graph/ops/evaluate.ts'

/** 4 heads of 4 over 2 key heads. */
const query: Operand = { shape: ['batch', 'tokens', 16] }
const key: Operand = { shape: ['batch', 'tokens', 8] }

describe('grouped attention', () => {
  test.each([false, true])(
    'lets neighbouring query heads share a key and value head (causal: %s)',
    async causal => {
      const [grouped, apart] = await evaluate([query, key, key], (q, k, v) => {
        const head = (group: number) => {
          const [start, end] = [group * 4, group * 4 + 4]
          const twice = (x: typeof k) => {
            const one = slice(x!, 2, start, end)
            return concat([one, one], 2)
          }
          return attention(slice(q!, 2, 2 * start, 2 * end), twice(k), twice(v), { heads: 2, causal })
        }
        return [
          groupedAttention(q!, k!, v!, { heads: 4, keyHeads: 2, causal }),
          concat([head(0), head(1)], 2),
        ]
      })
      expect(relativeError(grouped!.data as Float32Array, apart!.data as Float32Array)).toBeLessThan(1e-6)
    },
  )

  test('is attention where every head has its own key', async () => {
    const [grouped, plain] = await evaluate([query, query, query], (q, k, v) => [
      groupedAttention(q!, k!, v!, { heads: 4, keyHeads: 4 }),
      attention(q!, k!, v!, { heads: 4 }),
    ])
    expect(grouped!.data).toEqual(plain!.data)
  })

  test('refuses key heads that do not divide the heads', () => {
    const mistake = mistakeIn([query, key, key], (q, k, v) =>
      groupedAttention(q!, k!, v!, { heads: 4, keyHeads: 3 }),
    )
    expect(mistake).toThrow(
      'net: blocks.3.attn: GroupedAttention: expected key heads that divide 4 heads, got 3.',
    )
  })
})
