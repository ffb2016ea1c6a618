import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { type AttentionOptions, attention } from '../graph/ops/attention.ts'
import { gather, reshape } from '../graph/ops/layout.ts'

/**
 * Attention in which groups of query heads share a key and a value (Ainslie et al. 2023, "GQA"): query head h sees key
 * head ⌊h · keyHeads / heads⌋.
 * @param query [batch, queries, heads · headDim]
 * @param key [batch, keys, keyHeads · headDim]
 * @param value [batch, keys, keyHeads · headDim]
 * @param options those of {@link attention}, and how many heads keys and values have, which divides `heads`
 * @returns [batch, queries, heads · headDim]
 */
export function groupedAttention(
  query: Value,
  key: Value,
  value: Value,
  { keyHeads, ...options }: AttentionOptions & { readonly keyHeads: number },
): Value {
  const { heads } = options
  if (heads % keyHeads !== 0) {
    throw query.graph.invalid('GroupedAttention', `key heads that divide ${heads} heads`, `${keyHeads}`)
  }
  const group = heads / keyHeads
  return attention(query, spread(key, keyHeads, group), spread(value, keyHeads, group), options)
}

/** Every head `group` times in a row: [batch, keys, heads · headDim] → [batch, keys, heads · group · headDim]. */
function spread(x: Value, heads: number, group: number): Value {
  if (group === 1) return x
  const width = Number(dimAt(x, 2))
  const byHead = reshape(x, ['=', '=', heads, width / heads]) // [batch, keys, heads, headDim]
  const source = Array.from({ length: heads * group }, (_, head) => Math.floor(head / group))
  const spreadOut = gather(byHead, x.graph.ints(source), 2) // [batch, keys, heads·group, headDim]
  return reshape(spreadOut, ['=', '=', width * group]) // [batch, keys, heads·group·headDim]
}
