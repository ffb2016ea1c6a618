import type { DType } from '../tensor/dtype.ts'
import { fromBfloat16Bits, fromFloat16Bits } from '../tensor/float16.ts'
import { type HostArrays, type Tensor, tensor } from '../tensor/tensor.ts'

/**
 * The same tensor in float32. Exact for the narrower floats and integers of at most 24 bits; wider types are rounded
 * to nearest. A float32 tensor is returned as it is.
 */
export function toFloat32<D extends DType>(source: Tensor<D>): Tensor<'f32'> {
  return tensor('f32', source.shape, converters[source.dtype](source.data))
}

const converters: { readonly [D in DType]: (data: HostArrays[D]) => Float32Array } = {
  f32: data => data,
  f64: data => new Float32Array(data),
  f16: data => valueOfEach(data, fromFloat16Bits),
  bf16: data => valueOfEach(data, fromBfloat16Bits),
  f8e4m3: data => valueOfEach(data, fromFloat8E4M3Bits),
  f8e5m2: data => valueOfEach(data, bits => fromFloat16Bits(bits << 8)),
  i64: data => valueOfEach(data, Number),
  i32: data => new Float32Array(data),
  i16: data => new Float32Array(data),
  i8: data => new Float32Array(data),
  u8: data => new Float32Array(data),
  bool: data => new Float32Array(data),
}

/** `Float32Array.from` takes many times as long. */
function valueOfEach<T>(elements: ArrayLike<T>, decode: (element: T) => number): Float32Array {
  const values = new Float32Array(elements.length)
  for (let index = 0; index < values.length; index++) values[index] = decode(elements[index]!)
  return values
}

/**
 * The value of a float8 e4m3's bits, in the variant of torch.float8_e4m3fn: bias 7, no infinities, NaN only where all
 * seven bits are set (OCP 8-bit Floating Point Specification, E4M3).
 */
function fromFloat8E4M3Bits(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1
  const exponent = (bits >>> 3) & 0xf
  const fraction = bits & 7
  if ((bits & 0x7f) === 0x7f) return Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -9
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7)
}
