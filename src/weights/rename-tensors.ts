import { reshape } from '../graph/ops/layout.ts'
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

/** A tensor in another shape of as many elements, row-major; itself where it has another number of them. */
export function withShape(tensor: TensorLocation, shape: readonly number[]): TensorLocation {
  if (elementCount(shape) !== elementCount(tensor.shape)) return tensor
  const { encoding } = tensor
  if (!encoding) return { ...tensor, shape }
  const decode: typeof encoding.decode = (graph, key, after) =>
    reshape(encoding.decode(graph, key, after), [...shape])
  return { ...tensor, shape, encoding: { ...encoding, decode } }
}

/** One more than the largest number that a pattern finds in names; 0 where it finds none. */
export function layerCount(keys: Iterable<string>, pattern: RegExp): number {
  let count = 0
  for (const key of keys) count = Math.max(count, Number(pattern.exec(key)?.[1] ?? -1) + 1)
  return count
}
