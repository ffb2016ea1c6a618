import { isResident } from '../runtime/backend.ts'
import { type Arithmetic, hostArithmetic } from '../sampling/arithmetic.ts'
import { float32Data, tensor } from '../tensor/tensor.ts'
import type { Feed } from './family.ts'

/**
 * Where the state of a run is between the passes of its network, with the arithmetic that is done on it there. All arrays
 * have the shape that the network takes latents in.
 */
export interface RunValues<V> extends Arithmetic<V> {
  of(data: Float32Array): V
  read(values: V): Promise<Float32Array>
  /** As the network takes them. */
  feed(values: V): Promise<Feed>
  /** What the network gave. */
  taken(result: Feed): V
  /** `given` where the mask is 1, `values` where it is 0. */
  replaced(values: V, given: V, mask: V): V
  /** Waits until everything is computed, then frees all arrays but these. */
  keepOnly(values: Iterable<V>): Promise<void>
}

/** State in the host's memory. `shared`: what the network takes can be read by several threads where it is. */
export function hostValues(
  shape: readonly number[],
  { shared = false }: { readonly shared?: boolean } = {},
): RunValues<Float32Array> {
  return {
    ...hostArithmetic,
    of: data => data,
    read: async values => values,
    feed: async values => tensor('f32', shape, shared ? inSharedMemory(values) : values),
    taken: result => {
      if (isResident(result)) throw new TypeError('velocity: expected one on the host, got a resident one.')
      return float32Data(result)
    },
    replaced: (values, given, mask) => {
      const result = values.slice()
      for (let i = 0; i < result.length; i++) if (mask[i]) result[i] = given[i]!
      return result
    },
    keepOnly: async () => {},
  }
}

function inSharedMemory(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}
