import type { DType } from '../tensor/dtype.ts'

/** TensorProto.DataType, from onnx.proto. */
const codes: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  bf16: 16,
  f8e4m3: 17,
  f8e5m2: 19,
}

/** The number that ONNX gives to a dtype. */
export function onnxDType(dtype: DType): number {
  return codes[dtype]
}

/** The dtype of an ONNX number, or undefined for one this package does not use. */
export function dtypeOfOnnx(code: number): DType | undefined {
  return (Object.keys(codes) as DType[]).find(dtype => codes[dtype] === code)
}
