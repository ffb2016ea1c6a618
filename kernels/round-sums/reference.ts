/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { type Float8Rows, rowsInFloat8 } from '../round-rows/reference.ts'

export interface Sums {
  /** [..., width] */
  readonly sums: Value
  /** f32 [..., 1] */
  readonly rowScales: Value
  /** f32 [width] */
  readonly columnScales: Value
  /** [width] */
  readonly bias: Value
  /** Whether GELU follows, in its form with the hyperbolic tangent. */
  readonly gelu: boolean
}

/** act(sums · scales + bias), computed in f32, and rounded to 8-bit floats from that. */
export function sumsInFloat8({ sums, rowScales, columnScales, bias, gelu: active }: Sums): Float8Rows {
  const scaled = multiply(multiply(cast(sums, 'f32'), rowScales), columnScales)
  const shifted = add(scaled, cast(bias, 'f32'))
  return rowsInFloat8(active ? gelu(shifted, 'tanh') : shifted)
}
