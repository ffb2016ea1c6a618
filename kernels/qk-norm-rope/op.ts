import { shapeText } from '../../src/graph/dims.ts'
import type { Value } from '../../src/graph/graph.ts'
import { dimAt, requireDTypeOf, requireFloat, requireRank, requireVector } from '../../src/graph/operand.ts'
import { normalizedAndRotated } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'qk-norm-rope'

const op = 'QkNormRope'

export interface QueryAndKey {
  readonly query: Value
  readonly key: Value
}

export interface QkNormRopeOptions {
  /** Of the norms. */
  readonly epsilon: number
  /** Channels of a head. */
  readonly headDim: number
}

/**
 * What queries and keys go through before a self-attention: RMS normalisation over the whole width (Zhang & Sennrich
 * 2019, eq. 4), then rotary embedding of interleaved pairs (Su et al. 2021, eq. 34). One pass over both where the graph
 * may use the kernel; else ONNX's own ops, see `reference.ts`.
 * @param projected [batch, tokens, width] each, f32, f16 or bf16
 * @param scales of the norms, [width] each, in that dtype
 * @param rotary f32 [batch, tokens, headDim / 2] for the same angles in every head, or [batch, tokens, width / 2]
 * @returns in the shape and dtype of `projected`
 */
export function qkNormRope(
  projected: QueryAndKey,
  scales: QueryAndKey,
  rotary: { readonly cos: Value; readonly sin: Value },
  options: QkNormRopeOptions,
): QueryAndKey {
  checkOperands(projected, scales, rotary, options)
  const { query, key } = projected
  const { graph } = query
  if (!graph.kernels.has(kernel)) {
    return {
      query: normalizedAndRotated(query, scales.query, rotary, options),
      key: normalizedAndRotated(key, scales.key, rotary, options),
    }
  }
  const inputs = [query, key, scales.query, scales.key, rotary.cos, rotary.sin]
  const attributes = { epsilon: { float: options.epsilon } }
  const results = [query, key].map(({ dtype, shape }) => ({ dtype, shape }))
  const [rotatedQuery, rotatedKey] = graph.addMany({ op, domain: 'framewright', inputs, attributes }, results)
  return { query: rotatedQuery!, key: rotatedKey! }
}

function checkOperands(
  { query, key }: QueryAndKey,
  scales: QueryAndKey,
  { cos, sin }: { readonly cos: Value; readonly sin: Value },
  { headDim }: QkNormRopeOptions,
): void {
  const { graph } = query
  requireRank(op, query, 3)
  requireFloat(op, query)
  if (shapeText(key.shape) !== shapeText(query.shape)) {
    throw graph.invalid(op, `keys of the queries' shape ${shapeText(query.shape)}`, shapeText(key.shape))
  }
  const [batch, tokens] = query.shape
  const width = dimAt(query, 2)
  if (typeof width !== 'number' || headDim % 2 !== 0 || width % headDim !== 0) {
    throw graph.invalid(op, `a width of whole heads of ${headDim} channels`, shapeText(query.shape))
  }
  for (const operand of [key, scales.query, scales.key]) requireDTypeOf(op, query, operand)
  for (const scale of [scales.query, scales.key]) requireVector(op, 'scale', scale, width)
  const tables = [headDim / 2, width / 2].map(pairs => shapeText([batch!, tokens!, pairs]))
  for (const table of [cos, sin]) {
    const got = `${table.dtype} ${shapeText(table.shape)}`
    const fits = table.dtype === 'f32' && tables.includes(shapeText(table.shape))
    if (!fits) throw graph.invalid(op, `tables in f32 of ${tables.join(' or ')}`, got)
  }
  if (shapeText(cos.shape) !== shapeText(sin.shape)) {
    throw graph.invalid(op, `cos and sin of one shape ${shapeText(cos.shape)}`, shapeText(sin.shape))
  }
}
