import type { DType } from '../tensor/dtype.ts'
import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import type { WeightSource } from './scope.ts'

/**
 * The tensors that graphs ask their checkpoint for, without one.
 * @param build builds the graphs; what they hold has no file behind it
 * @param dtype that the tensors are said to be stored in
 * @returns key → shape
 */
export function wantedTensors(
  build: (weights: WeightSource) => void,
  dtype: DType = 'f32',
): Map<string, readonly number[]> {
  const wanted = new Map<string, readonly number[]>()
  const take: WeightSource['take'] = (key, shape) => {
    wanted.set(key, shape)
    return { dtype, shape, file: '/', offset: 0, bytes: bytesPerElement(dtype) * elementCount(shape) }
  }
  build({
    has: () => false,
    take,
    shapeOf: () => undefined,
    takeOneOf: ([key], shape) => take(key!, shape),
    additions: () => [],
    lowRank: () => [],
  })
  return wanted
}
