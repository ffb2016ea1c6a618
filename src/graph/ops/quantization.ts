import type { DType } from '../../tensor/dtype.ts'
import { shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'

const quantized: readonly DType[] = ['f8e4m3', 'f8e5m2', 'i8', 'u8']

/**
 * q · scale in f32.
 * @param q f8e4m3, f8e5m2, i8 or u8 of any shape
 * @param scale f32: [] for the whole tensor, or [n] with one for each entry of axis 0
 */
export function dequantize(q: Value, scale: Value): Value {
  if (!quantized.includes(q.dtype)) throw q.graph.invalid('DequantizeLinear', quantized.join(' or '), q.dtype)
  const perRow = scale.shape.length === 1 && scale.shape[0] === q.shape[0]
  if (scale.dtype !== 'f32' || !(scale.shape.length === 0 || perRow)) {
    const expected = `a scale in f32 of [] or [${q.shape[0]}]`
    throw q.graph.invalid('DequantizeLinear', expected, `${scale.dtype} ${shapeText(scale.shape)}`)
  }
  const attributes = perRow ? { axis: { int: 0 } } : {}
  return q.graph.add({ op: 'DequantizeLinear', inputs: [q, scale], attributes }, 'f32', q.shape)
}

/**
 * A weight, with the same elements, that depends on a value: what is computed from it is neither computed when a
 * session loads nor before the value is there, and can be freed after its use.
 * @param weight of a shape that is known
 */
export function computedAfter(weight: Value, after: Value): Value {
  const { graph } = weight
  const dims = graph.add({ op: 'Shape', inputs: [after] }, 'i64', [after.shape.length])
  const keepDims = { keepdims: { int: 0 } }
  const sum = graph.add({ op: 'ReduceSum', inputs: [dims], attributes: keepDims }, 'i64', [])
  const zero = graph.add({ op: 'Sub', inputs: [sum, sum] }, 'i64', [])
  const shape = graph.ints(weight.shape.map(Number))
  const target = graph.add({ op: 'Add', inputs: [shape, zero] }, 'i64', [weight.shape.length])
  return graph.add({ op: 'Reshape', inputs: [weight, target] }, weight.dtype, weight.shape)
}
