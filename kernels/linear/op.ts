import { shapeText } from '../../src/graph/dims.ts'
import type { NodeSpec, Value } from '../../src/graph/graph.ts'
import type { Attribute } from '../../src/graph/node.ts'
import { dimAt, requireDTypeOf, requireFloat } from '../../src/graph/operand.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import { filledLike } from '../../src/graph/ops/constant.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import type { Float8Matrix } from '../../src/graph/scope.ts'
import { roundRows } from '../round-rows/op.ts'
import { isFloat8, type LinearOperands, layerInOps } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'linear'

/** The folder of what rounds the operands of products in 8-bit floats. */
const rounding = 'round-rows'

const op = 'Linear'

/**
 * A linear layer: act(x · Wᵀ + b). One product of cuBLASLt where the graph may use the kernel, in 8-bit floats after a pass
 * that rounds x; else ONNX's own ops, see `reference.ts`. Layers without a bias that are not in 8-bit floats are ONNX's.
 * @param x [..., in], f32, f16 or bf16, as all operands
 * @returns [..., out]
 */
export function linearLayer(x: Value, operands: LinearOperands): Value {
  checkOperands(x, operands)
  const { weight, bias, added = [], gelu: active = false } = operands
  const product = isFloat8(weight) ? float8Product(x, weight, bias) : floatProduct(x, weight, bias)
  if (!product) return layerInOps(x, operands)
  const fused = active && added.length === 0
  const sum = added.reduce(add, product(fused))
  return active && !fused ? gelu(sum, 'tanh') : sum
}

/** What adds a node; undefined where the kernel does not take the layer. */
type Product = ((gelu: boolean) => Value) | undefined

function floatProduct(x: Value, weight: Value, bias: Value | undefined): Product {
  if (!x.graph.kernels.has(kernel) || !bias) return undefined
  return active => {
    return addNode(x, { op, inputs: [x, weight, bias], out: weight, attributes: { gelu: flag(active) } })
  }
}

function float8Product(x: Value, weight: Float8Matrix, bias: Value | undefined): Product {
  const { kernels } = x.graph
  if (!kernels.has(kernel) || !kernels.has(rounding) || x.dtype === 'f16') return undefined
  return active => {
    const rows = roundRows(x)
    const matrix = 'elements' in weight ? weight : roundRows(weight.floats)
    const out = Number(dimAt(matrix.elements, 0))
    const inputs = [
      ...[rows.elements, rows.scales, matrix.elements, perRow(matrix.scales, out)],
      bias ?? filledLike(x, [out], 0),
    ]
    const attributes = { gelu: flag(active), scaled: flag(true) }
    return addNode(x, { op: `${op}Float8`, inputs, out: matrix.elements, attributes })
  }
}

/** One scale for each row of a matrix, where there may be one for all. */
function perRow(scales: Value, rows: number): Value {
  return scales.shape.length === 0 ? multiply(filledLike(scales, [rows], 1), scales) : scales // [rows] or [rows, 1]
}

function flag(on: boolean): Attribute {
  return { float: on ? 1 : 0 }
}

function addNode(x: Value, { out, ...spec }: NodeSpec & { readonly out: Value }): Value {
  const shape = [...x.shape.slice(0, -1), dimAt(out, 0)] // [..., out]
  return x.graph.add({ ...spec, domain: 'framewright' }, x.dtype, shape)
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
