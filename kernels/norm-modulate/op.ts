import { sameShape, shapeText } from '../../src/graph/dims.ts'
import type { Value } from '../../src/graph/graph.ts'
import type { Node } from '../../src/graph/node.ts'
import { dimAt, requireFloat } from '../../src/graph/operand.ts'
import { type Modulation, type NormModulateOptions, normalizedAndModulated } from './reference.ts'

export type { Modulation, NormModulateOptions } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'norm-modulate'

const op = 'NormModulate'

/**
 * Normalisation over the last axis, then a scale and a shift of every channel (Peebles & Xie 2023, "adaLN"):
 * norm(x) · (offset + scale) + shift, computed in f32, given back in x's dtype. One pass where the graph may use the
 * kernel; else ONNX's own ops, see `reference.ts`.
 * @param x [..., rows, width], f32, f16 or bf16
 * @param modulation f32, both [width] or both [..., 1, width], for the rows of each group
 */
export function normModulate(x: Value, modulation: Modulation, options: NormModulateOptions): Value {
  checkModulation(op, x, modulation)
  const { graph } = x
  if (!graph.kernels.has(kernel)) return normalizedAndModulated(x, modulation, options)
  const attributes = normAttributes(options)
  const inputs = [x, modulation.scale, modulation.shift]
  return graph.add({ op, domain: 'framewright', inputs, attributes }, x.dtype, x.shape)
}

/** The options as attributes of a node. */
export function normAttributes({ norm, epsilon, offset }: NormModulateOptions): Node['attributes'] {
  return {
    epsilon: { float: epsilon },
    offset: { float: offset },
    centered: { float: norm === 'layer' ? 1 : 0 },
  }
}

/** @throws GraphError when x is not rows of floats of a known width, or scale and shift do not fit it */
export function checkModulation(op: string, x: Value, { scale, shift }: Modulation): void {
  requireFloat(op, x)
  const width = dimAt(x, -1)
  if (typeof width !== 'number') throw x.graph.invalid(op, 'rows of a known width', shapeText(x.shape))
  const perGroup = [...x.shape.slice(0, -2), 1, width]
  const fits = ({ dtype, shape }: Value) =>
    dtype === 'f32' && [[width], perGroup].some(each => sameShape(each, shape))
  if (fits(scale) && fits(shift) && sameShape(scale.shape, shift.shape)) return
  const got = [scale, shift].map(({ dtype, shape }) => `${dtype} ${shapeText(shape)}`).join(' and ')
  throw x.graph.invalid(op, `scale and shift in f32 of [${width}] or ${shapeText(perGroup)}`, got)
}
