import { type Dim, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { dimAt, requireDTypeOf, requireRank } from '../operand.ts'

const op = 'MultiHeadAttention'

/**
 * How many keys to give an attention with a bias: the next multiple that its kernels take. What is added has to be masked
 * by the bias.
 */
export function alignedKeys(keys: number, multiple: number): number {
  return Math.ceil(keys / multiple) * multiple
}

export interface AttentionOptions {
  readonly heads: number
  readonly bias?: Value
  readonly keyLengths?: Value
  readonly scale?: number
  readonly causal?: boolean
}

/**
 * Scaled dot-product attention over heads (Vaswani et al. 2017, eq. 1), as com.microsoft.MultiHeadAttention,
 * the op that takes the flash kernels.
 * @param query [batch, queries, heads · headDim]
 * @param key [batch, keys, heads · headDim]
 * @param value [batch, keys, heads · headDim]
 * @param options.bias added to the scores, [1 or batch, 1 or heads, queries, keys]; keys as {@link alignedKeys} has them
 * @param options.keyLengths i32 [batch]: only so many keys of a row count, the others are padding
 * @param options.scale factor of the scores; 1/√headDim by default
 * @param options.causal whether a query sees the keys up to its own place alone; takes as many keys as queries
 * @returns [batch, queries, heads · headDim]
 */
export function attention(query: Value, key: Value, value: Value, options: AttentionOptions): Value {
  const { graph } = query
  for (const operand of [query, key, value]) {
    requireRank(op, operand, 3)
    requireDTypeOf(op, query, operand)
  }
  const width = dimAt(query, 2)
  if (dimAt(key, 2) !== width || !divides(options.heads, width) || !divides(options.heads, dimAt(value, 2))) {
    const got = [query, key, value].map(({ shape }) => shapeText(shape)).join(', ')
    throw graph.invalid(op, `widths that ${options.heads} heads divide, query and key of one`, got)
  }
  if (dimAt(key, 1) !== dimAt(value, 1)) {
    throw graph.invalid(op, `as many values as keys ${shapeText(key.shape)}`, shapeText(value.shape))
  }
  const { bias, keyLengths } = options
  if (keyLengths && (keyLengths.dtype !== 'i32' || keyLengths.shape.length !== 1)) {
    const got = `${keyLengths.dtype} ${shapeText(keyLengths.shape)}`
    throw graph.invalid(op, 'key lengths as i32 [batch]', got)
  }
  if (bias) checkBias(bias, query, key, options.heads)
  if (options.causal && dimAt(key, 1) !== dimAt(query, 1)) {
    throw graph.invalid(op, `as many causal keys as queries ${shapeText(query.shape)}`, shapeText(key.shape))
  }
  const attributes = {
    num_heads: { int: options.heads },
    ...(options.causal && { unidirectional: { int: 1 } }),
    ...(options.scale === undefined ? {} : { scale: { float: options.scale } }),
  }
  const inputs = [query, key, value, ...(bias || keyLengths ? [undefined, keyLengths, bias] : [])]
  const shape = [query.shape[0]!, query.shape[1]!, dimAt(value, 2)] // [batch, queries, width]
  return graph.add({ op, domain: 'com.microsoft', inputs, attributes }, query.dtype, shape)
}

function checkBias(bias: Value, query: Value, key: Value, heads: number): void {
  requireRank(op, bias, 4)
  requireDTypeOf(op, query, bias)
  const [batch, perHead, queries, keys] = bias.shape
  const fits =
    (batch === 1 || batch === query.shape[0]) &&
    (perHead === 1 || perHead === heads) &&
    queries === query.shape[1] &&
    keys === key.shape[1]
  if (fits) return
  const expected = `a bias of [1 or ${query.shape[0]}, 1 or ${heads}, ${query.shape[1]}, ${key.shape[1]}]`
  throw query.graph.invalid(op, expected, shapeText(bias.shape))
}

function divides(heads: number, width: Dim): boolean {
  return typeof width === 'number' && width % heads === 0
}

/**
 * Rotary position embedding (Su et al. 2021).
 * @param x [batch, tokens, heads · headDim]
 * @param tables cos and sin, [batch, tokens, headDim / 2], in x's dtype
 * @param pairs which channels of a head are turned together: neighbours, or those half a head apart
 */
export function rotaryEmbedding(
  x: Value,
  tables: { cos: Value; sin: Value },
  heads: number,
  pairs: 'neighbours' | 'halves' = 'neighbours',
): Value {
  requireRank('RotaryEmbedding', x, 3)
  const headDim = Number(dimAt(x, 2)) / heads
  for (const table of [tables.cos, tables.sin]) {
    if (table.shape.length !== 3 || dimAt(table, 2) !== headDim / 2 || dimAt(table, 1) !== dimAt(x, 1)) {
      const expected = `tables of [batch, ${x.shape[1]}, ${headDim / 2}]`
      throw x.graph.invalid('RotaryEmbedding', expected, shapeText(table.shape))
    }
    requireDTypeOf('RotaryEmbedding', x, table)
  }
  const attributes = { interleaved: { int: pairs === 'neighbours' ? 1 : 0 }, num_heads: { int: heads } }
  return x.graph.add(
    { op: 'RotaryEmbedding', inputs: [x, tables.cos, tables.sin], attributes },
    x.dtype,
    x.shape,
  )
}
