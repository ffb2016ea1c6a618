/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'

/** x and update [..., rows, width], computed in f32, given back in x's dtype. */
export function addedThroughGate(x: Value, update: Value, gate: Value): Value {
  return cast(add(cast(x, 'f32'), multiply(cast(update, 'f32'), gate)), x.dtype)
}
