import { type DType, elementCount } from './dtype.ts'

/** The typed array that holds each dtype on the host. 16-bit and 8-bit floats are kept as their bits. */
export interface HostArrays {
  f64: Float64Array
  f32: Float32Array
  f16: Uint16Array
  bf16: Uint16Array
  f8e4m3: Uint8Array
  f8e5m2: Uint8Array
  i64: BigInt64Array
  i32: Int32Array
  i16: Int16Array
  i8: Int8Array
  u8: Uint8Array
  bool: Uint8Array
}

export type HostArray = HostArrays[DType]

/** A dense row-major tensor in host memory. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly data: HostArrays[D]
}

/**
 * Wraps data in a tensor.
 * @throws RangeError when the data does not have the number of elements of the shape
 */
export function tensor<D extends DType>(dtype: D, shape: readonly number[], data: HostArrays[D]): Tensor<D> {
  if (data.length !== elementCount(shape)) {
    throw new RangeError(
      `tensor: expected ${elementCount(shape)} elements for [${shape}], got ${data.length}.`,
    )
  }
  return { dtype, shape, data }
}

/**
 * A tensor whose data is computed when it is first read: a run that is only planned asks for shapes alone.
 * @param make gives the data of the whole shape
 */
export function lazyTensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  make: () => HostArrays[D],
): Tensor<D> {
  let made: HostArrays[D] | undefined
  return {
    dtype,
    shape,
    get data() {
      made ??= tensor(dtype, shape, make()).data
      return made
    },
  }
}

/** Zeros in f32, or in u8 where that is asked for. */
export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  const count = elementCount(shape)
  return dtype === 'u8'
    ? tensor(dtype, shape, new Uint8Array(count))
    : tensor('f32', shape, new Float32Array(count))
}

/** A shape without data: what is cut and joined of it has no data either. It stands for results where nothing is computed. */
export function hollow(dtype: DType, shape: readonly number[]): Tensor {
  return { dtype, shape, data: dtype === 'u8' ? new Uint8Array() : new Float32Array() }
}

export function isHollow({ data }: Pick<Tensor, 'data'>): boolean {
  return data.length === 0
}

/** The same data under another shape of as many elements. */
export function reshaped<D extends DType>(source: Tensor<D>, shape: readonly number[]): Tensor<D> {
  return tensor(source.dtype, shape, source.data)
}

/** The numbers of a tensor that has to be there, in f32. @throws TypeError otherwise */
export function float32Data(source: Tensor | undefined): Float32Array {
  if (source?.dtype !== 'f32') throw new TypeError(`tensor: expected f32, got ${source?.dtype ?? 'none'}.`)
  return source.data as Float32Array
}
