/** What the operators do, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { computedAfter } from '../../src/graph/ops/computed-after.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape } from '../../src/graph/ops/layout.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import type { Float8Matrix } from '../../src/graph/scope.ts'
import { type Float8Rows, rowsInFloat8 } from '../round-rows/reference.ts'

export interface LinearOperands {
  /** [out, in]: in x's dtype, or for products in 8-bit floats. */
  readonly weight: Value | Float8Matrix
  /** [out] */
  readonly bias: Value | undefined
  /** What is added to the product before the activation, [..., out]. @default nothing */
  readonly added?: readonly Value[]
  /** Whether GELU follows, in its form with the hyperbolic tangent. @default false */
  readonly gelu?: boolean
}

export function isFloat8(weight: LinearOperands['weight']): weight is Float8Matrix {
  return !('graph' in weight)
}

/** act(x · Wᵀ + added + b): [..., in] → [..., out] */
export function layerInOps(
  x: Value,
  { weight, bias, added = [], gelu: active = false }: LinearOperands,
): Value {
  const product = isFloat8(weight) ? productInFloat8(x, weight) : matmulTransposed(x, weight) // [..., out]
  const sum = added.reduce(add, product)
  const shifted = bias ? add(sum, bias) : sum
  return active ? gelu(shifted, 'tanh') : shifted
}

/**
 * x · Wᵀ with both in e4m3, summed in f32: [..., out] in x's dtype. Every row of x has a scale of its own, and so has every
 * row of W unless it is stored in e4m3.
 * @param x [..., in]
 */
export function productInFloat8(x: Value, weight: Float8Matrix): Value {
  const rows = rowsInFloat8(x)
  const { elements, scales } = matrixInFloat8(weight, x)
  const sums = matmulTransposed(cast(rows.elements, 'f32'), cast(elements, 'f32')) // [..., out]
  return cast(multiply(multiply(sums, rows.scales), scales), x.dtype)
}

/**
 * A matrix with a scale for each row [out], or one for all []. It is read at every run, when x is there, so that the floats
 * of one layer at a time are in memory.
 */
function matrixInFloat8(weight: Float8Matrix, x: Value): Float8Rows {
  if ('elements' in weight) return { ...weight, elements: computedAfter(weight.elements, x) }
  const { elements, scales } = rowsInFloat8(computedAfter(weight.floats, x))
  return { elements, scales: reshape(scales, [Number(dimAt(elements, 0))]) }
}
