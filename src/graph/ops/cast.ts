import type { DType } from '../../tensor/dtype.ts'
import type { Value } from '../graph.ts'
import { onnxDType } from '../onnx-dtype.ts'

/** The value in another dtype; the value itself when it has that dtype. */
export function cast(value: Value, dtype: DType): Value {
  if (value.dtype === dtype) return value
  const attributes = { to: { int: onnxDType(dtype) } }
  return value.graph.add({ op: 'Cast', inputs: [value], attributes }, dtype, value.shape)
}
