import { elementCount } from '../tensor/dtype.ts'
import type { TensorLocation } from './tensor-location.ts'

/** Rewrites of a tensor's name, made one after the other. */
export type Renames = readonly (readonly [pattern: RegExp, replacement: string])[]

/** The tensors under other names, in their order. */
export function renameTensors(
  tensors: ReadonlyMap<string, TensorLocation>,
  renames: Renames,
): Map<string, TensorLocation> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const key = renames.reduce((each, [pattern, to]) => each.replace(pattern, to), name)
      return [key, { ...tensor, key }]
    }),
  )
}

/** A tensor as rows of another shape with as many elements; itself where it is stored in blocks of another row. */
export function withShape(tensor: TensorLocation, shape: readonly number[]): TensorLocation {
  const same = elementCount(shape) === elementCount(tensor.shape)
  return same && tensor.encoding === undefined ? { ...tensor, shape } : tensor
}

/** One more than the largest number that a pattern finds in names; 0 where it finds none. */
export function layerCount(keys: Iterable<string>, pattern: RegExp): number {
  let count = 0
  for (const key of keys) count = Math.max(count, Number(pattern.exec(key)?.[1] ?? -1) + 1)
  return count
}
