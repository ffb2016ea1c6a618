import { shapeText } from '../dims.ts'
import { dimAt, type Value } from '../value.ts'

/**
 * Scaled dot-product attention over heads (Vaswani et al. 2017, eq. 1), as com.microsoft.MultiHeadAttention,
 * the op that takes the flash kernels.
 * @param query [batch, queries, heads · headDim]
 * @param key [batch, keys, heads · headDim]
 * @param value [batch, keys, heads · headDim]
 * @param options.bias added to the scores, [1 or batch, 1 or heads, queries, keys]
 * @param options.keyLengths i32 [batch]: only so many keys of a row count, the others are padding
 * @param options.scale factor of the scores, 1/√headDim unless given
 * @returns [batch, queries, heads · headDim]
 */
export function attention(
  query: Value,
  key: Value,
  value: Value,
  options: { heads: number; bias?: Value; keyLengths?: Value; scale?: number },
): Value {
  const { graph } = query
  for (const operand of [query, key, value]) {
    if (operand.shape.length !== 3)
      throw graph.invalid('MultiHeadAttention', 'operands of rank 3', shapeText(operand.shape))
  }
  const width = dimAt(query, 2)
  if (dimAt(key, 2) !== width || typeof width !== 'number' || width % options.heads !== 0) {
    const got = `${shapeText(query.shape)} and ${shapeText(key.shape)}`
    throw graph.invalid(
      'MultiHeadAttention',
      `a width of query and key that ${options.heads} heads divide`,
      got,
    )
  }
  if (dimAt(key, 1) !== dimAt(value, 1)) {
    throw graph.invalid(
      'MultiHeadAttention',
      `as many values as keys ${shapeText(key.shape)}`,
      shapeText(value.shape),
    )
  }
  const { bias, keyLengths } = options
  if (keyLengths && (keyLengths.dtype !== 'i32' || keyLengths.shape.length !== 1)) {
    const got = `${keyLengths.dtype} ${shapeText(keyLengths.shape)}`
    throw graph.invalid('MultiHeadAttention', 'key lengths as i32 [batch]', got)
  }
  const attributes = {
    num_heads: { int: options.heads },
    ...(options.scale === undefined ? {} : { scale: { float: options.scale } }),
  }
  const inputs = [query, key, value, ...(bias || keyLengths ? [undefined, keyLengths, bias] : [])]
  const shape = [query.shape[0]!, query.shape[1]!, dimAt(value, 2)] // [batch, queries, width]
  return graph.add(
    { op: 'MultiHeadAttention', domain: 'com.microsoft', inputs, attributes },
    query.dtype,
    shape,
  )
}

/**
 * Rotary position embedding (Su et al. 2021) of interleaved pairs.
 * @param x [batch, tokens, heads · headDim]
 * @param tables cos and sin, [batch, tokens, headDim / 2], in x's dtype
 */
export function rotaryEmbedding(x: Value, tables: { cos: Value; sin: Value }, heads: number): Value {
  const { cos, sin } = tables
  const headDim = Number(dimAt(x, 2)) / heads
  if (cos.shape.length !== 3 || dimAt(cos, 2) !== headDim / 2 || dimAt(cos, 1) !== dimAt(x, 1)) {
    throw x.graph.invalid(
      'RotaryEmbedding',
      `tables of [batch, ${x.shape[1]}, ${headDim / 2}]`,
      shapeText(cos.shape),
    )
  }
  if (cos.dtype !== x.dtype) throw x.graph.invalid('RotaryEmbedding', `tables in ${x.dtype}`, cos.dtype)
  const attributes = { interleaved: { int: 1 }, num_heads: { int: heads } }
  return x.graph.add({ op: 'RotaryEmbedding', inputs: [x, cos, sin], attributes }, x.dtype, x.shape)
}
