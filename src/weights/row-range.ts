import type { TensorLocation } from './tensor-location.ts'

/** Some rows of a tensor whose rows lie one after the other in as many bytes each: they stay in place. */
export function rowRange<T extends Pick<TensorLocation, 'shape' | 'offset' | 'bytes'>>(
  tensor: T,
  first: number,
  count: number,
): T {
  const [rows = 1, ...rest] = tensor.shape
  const stride = tensor.bytes / rows
  return { ...tensor, shape: [count, ...rest], offset: tensor.offset + first * stride, bytes: count * stride }
}
