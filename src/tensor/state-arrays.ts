import { type Arithmetic, hostArithmetic } from './arithmetic.ts'
import { type Feed, isResident } from './resident.ts'
import { float32Data, tensor } from './tensor.ts'

/**
 * Arrays of one shape where they are kept, in the host's memory or a device's, with the arithmetic that is done on them there.
 * A run keeps the latents of a stream in them between the passes of its network.
 * @typeParam V the values of one array: an object of a class, never a plain one
 */
export interface StateArrays<V> extends Arithmetic<V> {
  upload(data: Float32Array): V
  download(array: V): Promise<Float32Array>
  /** As the network takes it. */
  feed(array: V): Promise<Feed>
  /** An output of the network, which belongs to the state from then on. */
  adopt(output: Feed): V
  /** (1 − share) · a + share · b, element by element: exactly a where the share is 0, exactly b where it is 1. */
  mix(a: V, b: V, share: V): V
  /** Waits until everything is computed, then frees all arrays but these. @default arrays free themselves */
  keepOnly?(arrays: Iterable<V>): Promise<void>
}

/**
 * Arrays in the host's memory.
 * @param shape that the network takes them in
 * @param options.shared whether feeds are in memory that several threads can read
 */
export function hostArrays(
  shape: readonly number[],
  { shared = false }: { readonly shared?: boolean } = {},
): StateArrays<Float32Array> {
  return {
    ...hostArithmetic,
    upload: data => data,
    download: async array => array,
    feed: async array => tensor('f32', shape, shared ? inSharedMemory(array) : array),
    adopt: output => {
      if (isResident(output)) throw new TypeError('velocity: expected one on the host, got a resident one.')
      return float32Data(output)
    },
    mix: (a, b, share) => {
      const result = new Float32Array(a.length)
      for (let i = 0; i < result.length; i++) {
        const rest = Math.fround(1 - share[i]!)
        result[i] = rest * a[i]! + share[i]! * b[i]!
      }
      return result
    },
  }
}

/**
 * A copy of plain data with other arrays in the place of its own.
 * @param data whose outermost lists are by stream, so that an array is of the stream in whose entry it is
 */
export function mapArrays<A>(
  data: unknown,
  map: (array: A, stream: number) => unknown,
  stream = -1,
): unknown {
  if (typeof data !== 'object' || data === null) return data
  if (Array.isArray(data)) {
    return data.map((each, index) => mapArrays(each, map, stream < 0 ? index : stream))
  }
  if (Object.getPrototypeOf(data) !== Object.prototype) return map(data as A, stream)
  return Object.fromEntries(Object.entries(data).map(([name, each]) => [name, mapArrays(each, map, stream)]))
}

function inSharedMemory(array: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}
