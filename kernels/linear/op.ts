import { shapeText } from '../../src/graph/dims.ts'
import type { Value } from '../../src/graph/graph.ts'
import { dimAt, requireFloat } from '../../src/graph/operand.ts'
import type { Float8Matrix } from '../../src/graph/scope.ts'
import { productInFloat8 } from './reference.ts'

/**
 * x · Wᵀ in 8-bit floats: every row of x is rounded to e4m3 with a scale of its own, and so is every row of W unless it is
 * stored in e4m3. The sums are f32. See `reference.ts`.
 * @param x [..., in], f32, f16 or bf16
 * @param weight [out, in]
 * @returns [..., out] in x's dtype
 */
export function float8Product(x: Value, weight: Float8Matrix): Value {
  requireFloat('Float8Product', x)
  const { shape } = 'elements' in weight ? weight.elements : weight.floats
  if (shape.length !== 2 || shape[1] !== dimAt(x, -1)) {
    throw x.graph.invalid('Float8Product', `a weight of [out, ${dimAt(x, -1)}]`, shapeText(shape))
  }
  return productInFloat8(x, weight)
}
