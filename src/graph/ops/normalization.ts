import { sameShape, shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { axisOf, dimAt, requireDTypeOf, requireVector } from '../operand.ts'
import { filledLike } from './constant.ts'
import { add, subtract } from './elementwise.ts'
import { transpose } from './layout.ts'

/**
 * Layer normalisation over the last axis (Ba et al. 2016).
 * @param affine scale and bias of [last], or for x [groups, rows, last] of [groups, 1, last]; without them the scale is
 *   1 and the bias 0
 */
export function layerNorm(x: Value, epsilon: number, affine?: { scale: Value; bias: Value }): Value {
  const width = lastDim('LayerNormalization', x)
  const scale = affine?.scale ?? filledLike(x, [width], 1)
  checkWeights('LayerNormalization', x, affine ? { ...affine } : { scale }, width)
  // Graphs in f32 are those for a CPU, whose LayerNormalization kernel is four times slower than taking the mean
  // off and scaling by the root mean square, which is the same.
  if (x.graph.precision === 'f32') {
    const scaled = rmsNorm(subtract(x, mean(x)), scale, epsilon)
    return affine ? add(scaled, affine.bias) : scaled
  }
  const inputs = affine ? [x, scale, affine.bias] : [x, scale]
  return x.graph.add(
    { op: 'LayerNormalization', inputs, attributes: normAttributes(x, epsilon) },
    x.dtype,
    x.shape,
  )
}

/** The mean over the last axis, which stays with size 1. */
function mean(x: Value): Value {
  const attributes = { keepdims: { int: 1 } }
  const shape = [...x.shape.slice(0, -1), 1]
  return x.graph.add({ op: 'ReduceMean', inputs: [x, x.graph.ints([-1])], attributes }, x.dtype, shape)
}

/**
 * Root mean square normalisation over the last axis (Zhang & Sennrich 2019).
 * @param scale [last], or for x [groups, rows, last] [groups, 1, last]
 */
export function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  checkWeights('RMSNormalization', x, { scale }, lastDim('RMSNormalization', x))
  return x.graph.add(
    { op: 'RMSNormalization', inputs: [x, scale], attributes: normAttributes(x, epsilon) },
    x.dtype,
    x.shape,
  )
}

/**
 * Root mean square normalisation over the channels of every pixel, x / √(mean(x²) + ε) · scale, in x's dtype with sums in
 * f32. For a GPU: a reduction over an axis between others is one of cuDNN's slow ones there, and the norm of rows is a
 * kernel that reads every row once, so the channels go last and back.
 * @param x [frames, channels, h, w]
 * @param scale [channels], in x's dtype
 */
export function rowwiseChannelNorm(x: Value, scale: Value, epsilon: number): Value {
  const pixels = transpose(x, [0, 2, 3, 1]) // [frames, h, w, channels]
  return transpose(rmsNorm(pixels, scale, epsilon), [0, 3, 1, 2]) // [frames, channels, h, w]
}

/** The axis counts from the front: ONNX Runtime takes weights of groups on axis 2 alone (microsoft/onnxruntime#23297). */
function normAttributes(x: Value, epsilon: number) {
  return { axis: { int: x.shape.length - 1 }, epsilon: { float: epsilon } }
}

/** The L2 norm along an axis, which stays with size 1. */
export function l2Norm(x: Value, axis: number): Value {
  const at = axisOf('ReduceL2', x, axis)
  const shape = x.shape.map((dim, index) => (index === at ? 1 : dim))
  const attributes = { keepdims: { int: 1 } }
  return x.graph.add({ op: 'ReduceL2', inputs: [x, x.graph.ints([axis])], attributes }, x.dtype, shape)
}

function lastDim(op: string, x: Value): number {
  const width = dimAt(x, -1)
  if (typeof width !== 'number') throw x.graph.invalid(op, 'a last axis of known size', shapeText(x.shape))
  return width
}

function checkWeights(op: string, x: Value, weights: Readonly<Record<string, Value>>, width: number): void {
  const ofGroups = x.shape.length === 3 ? [x.shape[0]!, 1, width] : undefined
  const haveGroups = Object.values(weights).every(({ shape }) => ofGroups && sameShape(shape, ofGroups))
  for (const [role, weight] of Object.entries(weights)) {
    if (!haveGroups) requireVector(op, role, weight, width)
    requireDTypeOf(op, x, weight)
  }
}
