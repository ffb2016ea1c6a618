import { shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { dimAt } from '../operand.ts'

/**
 * x · Wᵀ for a weight in torch's layout.
 * @param x [..., in]
 * @param weight [out, in], used as stored: a transposed copy is never made
 * @returns [..., out]
 */
export function matmulTransposed(x: Value, weight: Value): Value {
  if (weight.shape.length !== 2)
    throw x.graph.invalid('FusedMatMul', 'a weight of rank 2', shapeText(weight.shape))
  if (dimAt(x, -1) !== weight.shape[1]) {
    throw x.graph.invalid('FusedMatMul', `a last dimension of ${weight.shape[1]}`, shapeText(x.shape))
  }
  if (x.dtype !== weight.dtype) throw x.graph.invalid('FusedMatMul', `a weight in ${x.dtype}`, weight.dtype)
  const shape = [...x.shape.slice(0, -1), weight.shape[0]!] // [..., out]
  const attributes = { transB: { int: 1 } }
  return x.graph.add(
    { op: 'FusedMatMul', domain: 'com.microsoft', inputs: [x, weight], attributes },
    x.dtype,
    shape,
  )
}
