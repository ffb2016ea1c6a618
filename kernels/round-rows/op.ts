import type { Value } from '../../src/graph/graph.ts'
import { dimAt, requireFloat } from '../../src/graph/operand.ts'
import { type Float8Rows, rowsInFloat8 } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'round-rows'

const op = 'RoundRows'

/** What values were rounded to: several layers may read one. */
const known = new WeakMap<Value, Float8Rows>()

/**
 * Every row of x rounded to e4m3 with a scale of its own; the same for the same x. One pass where the graph may use the
 * kernel; else ONNX's own ops, see `reference.ts`.
 * @param x [..., width], f32, f16 or bf16
 */
export function roundRows(x: Value): Float8Rows {
  requireFloat(op, x)
  if (typeof dimAt(x, -1) !== 'number')
    throw x.graph.invalid(op, 'rows of a known width', String(dimAt(x, -1)))
  const rounded = known.get(x) ?? rowsOf(x)
  known.set(x, rounded)
  return rounded
}

function rowsOf(x: Value): Float8Rows {
  const { graph } = x
  if (!graph.kernels.has(kernel)) return rowsInFloat8(x)
  const [elements, scales] = graph.addMany({ op, domain: 'framewright', inputs: [x] }, [
    { dtype: 'f8e4m3', shape: x.shape },
    { dtype: 'f32', shape: [...x.shape.slice(0, -1), 1] },
  ])
  return { elements: elements!, scales: scales! }
}
