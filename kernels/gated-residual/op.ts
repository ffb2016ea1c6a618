import { sameShape, shapeText } from '../../src/graph/dims.ts'
import type { Value } from '../../src/graph/graph.ts'
import { dimAt, requireDTypeOf, requireFloat, requireRank } from '../../src/graph/operand.ts'
import { addedThroughGate } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'gated-residual'

const op = 'GatedResidual'

/**
 * x + update · gate, computed in f32, given back in x's dtype. One pass where the graph may use the kernel; else ONNX's
 * own ops, see `reference.ts`.
 * @param x [..., rows, width], f32, f16 or bf16
 * @param update of the same shape and dtype
 * @param gate f32 [..., 1, width], for the rows of each group
 */
export function gatedResidual(x: Value, update: Value, gate: Value): Value {
  checkUpdate(op, x, update, gate)
  const { graph } = x
  if (!graph.kernels.has(kernel)) return addedThroughGate(x, update, gate)
  return graph.add({ op, domain: 'framewright', inputs: [x, update, gate] }, x.dtype, x.shape)
}

/** @throws GraphError when x is not rows of floats, or an update or its gate does not fit them */
export function checkUpdate(op: string, x: Value, update: Value, gate: Value | undefined): void {
  const { graph } = x
  requireFloat(op, x)
  requireDTypeOf(op, x, update)
  if (!sameShape(x.shape, update.shape)) {
    throw graph.invalid(op, `an update of ${shapeText(x.shape)}`, shapeText(update.shape))
  }
  if (x.shape.length < 2) requireRank(op, x, 2)
  const perGroup = [...x.shape.slice(0, -2), 1, dimAt(x, -1)]
  if (gate && (gate.dtype !== 'f32' || !sameShape(gate.shape, perGroup))) {
    throw graph.invalid(
      op,
      `a gate in f32 of ${shapeText(perGroup)}`,
      `${gate.dtype} ${shapeText(gate.shape)}`,
    )
  }
}
