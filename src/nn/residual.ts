import type { Value } from '../graph/graph.ts'
import { cast } from '../graph/ops/cast.ts'
import { add, multiply } from '../graph/ops/elementwise.ts'

/** x + update · gate, computed in f32, given back in x's dtype. The gate is f32 and broadcasts to x. */
export function gatedResidual(x: Value, update: Value, gate: Value): Value {
  return cast(add(cast(x, 'f32'), multiply(cast(update, 'f32'), gate)), x.dtype)
}
