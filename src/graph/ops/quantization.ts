import type { DType } from '../../tensor/dtype.ts'
import { shapeText } from '../dims.ts'
import type { Value } from '../graph.ts'
import { onnxDType } from '../onnx-dtype.ts'

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
 * x / scale, rounded to the nearest integer, halves to even, and clipped to those of i8.
 * @param x f32 [n, …]
 * @param scale f32 [n], above 0
 */
export function quantize(x: Value, scale: Value): Value {
  if (x.dtype !== 'f32' || scale.dtype !== 'f32') {
    throw x.graph.invalid('QuantizeLinear', 'f32 with a scale in f32', `${x.dtype} with ${scale.dtype}`)
  }
  if (scale.shape.length !== 1 || scale.shape[0] !== x.shape[0]) {
    throw x.graph.invalid('QuantizeLinear', `a scale of [${x.shape[0]}]`, shapeText(scale.shape))
  }
  const attributes = { axis: { int: 0 }, output_dtype: { int: onnxDType('i8') } }
  return x.graph.add({ op: 'QuantizeLinear', inputs: [x, scale], attributes }, 'i8', x.shape)
}
