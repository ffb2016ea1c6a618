import { shapeText } from '../../src/graph/dims.ts'
import type { Value } from '../../src/graph/graph.ts'
import { dimAt, requireDTypeOf, requireFloat } from '../../src/graph/operand.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { isFloat8, type LinearOperands, layerInOps } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'linear'

const op = 'Linear'

/**
 * A linear layer: act(x · Wᵀ + b). With a bias it is one product of cuBLASLt where the graph may use the kernel; else
 * ONNX's own ops, see `reference.ts`.
 * @param x [..., in], f32, f16 or bf16, as all operands
 * @returns [..., out]
 */
export function linearLayer(x: Value, operands: LinearOperands): Value {
  checkOperands(x, operands)
  const { graph } = x
  const { weight, bias, added = [], gelu: active = false } = operands
  if (!graph.kernels.has(kernel) || !bias || isFloat8(weight)) return layerInOps(x, operands)
  const fused = active && added.length === 0
  const attributes = { gelu: { float: fused ? 1 : 0 } }
  const shape = [...x.shape.slice(0, -1), dimAt(weight, 0)] // [..., out]
  const spec = { op, domain: 'framewright', inputs: [x, weight, bias], attributes } as const
  const sum = added.reduce(add, graph.add(spec, x.dtype, shape))
  return active && !fused ? gelu(sum, 'tanh') : sum
}

function checkOperands(x: Value, { weight, bias }: LinearOperands): void {
  requireFloat(op, x)
  const { shape } = isFloat8(weight) ? ('elements' in weight ? weight.elements : weight.floats) : weight
  if (!isFloat8(weight)) requireDTypeOf(op, x, weight)
  if (shape.length !== 2 || shape[1] !== dimAt(x, -1)) {
    throw x.graph.invalid(op, `a weight of [out, ${dimAt(x, -1)}]`, shapeText(shape))
  }
  if (!bias) return
  requireDTypeOf(op, x, bias)
  if (bias.shape.length !== 1 || bias.shape[0] !== shape[0]) {
    throw x.graph.invalid(op, `a bias of [${shape[0]}]`, shapeText(bias.shape))
  }
}
