import { multiplyDims, sameShape, shapeText } from '../../src/graph/dims.ts'
import type { Graph, Value } from '../../src/graph/graph.ts'
import { dimAt, requireDTypeOf, requireFloat, requireRank, requireVector } from '../../src/graph/operand.ts'
import { activeByPlace, windowsOfActive } from './reference.ts'

/** The folder of the kernel, as a graph's `kernels` has it. */
const kernel = 'norm-silu-windows'

const op = 'NormSiluWindows'
const opByPlace = 'NormSiluPlaces'

/** Whether a graph may use the kernel. */
export function hasNormSiluWindows(graph: Graph): boolean {
  return graph.kernels.has(kernel)
}

/**
 * Root mean square norm over the channels of every pixel, SiLU, and every three frames that follow one another, joined
 * along the channels, oldest first: computed in f32, given back in x's dtype. One pass where the graph may use the kernel;
 * else ONNX's own ops, see `reference.ts`.
 * @param x [frames, channels, height, width], f32, f16 or bf16
 * @param history what was made of the two frames before, [2, channels, height, width] in x's dtype
 * @param scale [channels], in x's dtype
 * @returns [frames, 3 · channels, height, width]
 */
export function normSiluWindows(x: Value, history: Value, scale: Value, epsilon: number): Value {
  const { graph } = x
  requireRank(op, x, 4)
  requireFloat(op, x)
  for (const operand of [history, scale]) requireDTypeOf(op, x, operand)
  requireVector(op, 'scale', scale, Number(dimAt(x, 1)))
  const past = [2, ...x.shape.slice(1)]
  if (!sameShape(past, history.shape)) {
    throw graph.invalid(op, `a history of ${shapeText(past)}`, shapeText(history.shape))
  }
  if (!hasNormSiluWindows(graph)) return windowsOfActive(x, history, scale, epsilon)
  const [frames, channels, height, width] = x.shape
  const shape = [frames!, multiplyDims(channels!, 3), height!, width!]
  const attributes = { epsilon: { float: epsilon } }
  return graph.add({ op, domain: 'framewright', inputs: [x, history, scale], attributes }, x.dtype, shape)
}

/**
 * Root mean square norm over the channels of every pixel, times a scale and plus a shift, and SiLU, of the frames that places
 * name: computed in f32, given back in x's dtype.
 * @param x [frames, channels, height, width], f32, f16 or bf16
 * @param affine scale and shift, [channels] each in x's dtype
 * @param places i32 [n], 0 … frames − 1
 * @returns [n, channels, height, width]
 */
export function normSiluPlaces(
  x: Value,
  affine: { readonly scale: Value; readonly shift: Value },
  places: Value,
  epsilon: number,
): Value {
  const { graph } = x
  const { scale, shift } = affine
  requireRank(opByPlace, x, 4)
  requireFloat(opByPlace, x)
  for (const [role, operand] of Object.entries({ scale, shift })) {
    requireDTypeOf(opByPlace, x, operand)
    requireVector(opByPlace, role, operand, Number(dimAt(x, 1)))
  }
  requireRank(opByPlace, places, 1)
  if (places.dtype !== 'i32') throw graph.invalid(opByPlace, 'places in i32', places.dtype)
  if (!hasNormSiluWindows(graph)) return activeByPlace(x, affine, places, epsilon)
  const attributes = { epsilon: { float: epsilon } }
  const inputs = [x, scale, shift, places]
  const shape = [dimAt(places, 0), ...x.shape.slice(1)]
  return graph.add({ op: opByPlace, domain: 'framewright', inputs, attributes }, x.dtype, shape)
}
