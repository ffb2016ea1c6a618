import { CheckpointError } from '../errors.ts'
import { bytesPerElement, type DType, elementCount } from '../tensor/dtype.ts'
import { bitsOfEach, toBfloat16Bits, toFloat16Bits } from '../tensor/float16.ts'
import type { TensorEntry } from './write-header.ts'

/** Elements after which the numbers repeat: a prime, so that no two rows of a matrix are alike. */
const period = 1_000_003

interface Distribution {
  readonly mean: number
  readonly spread: number
}

/**
 * Random numbers in the place of trained weights, the same every time, of the size that keeps what goes through the
 * network near 1: matrices and kernels ±1/√(inputs), scales and deviations near 1, other vectors near 0. For
 * measuring: zeros would be quicker on hardware that saves power on them.
 */
export class RandomWeights {
  readonly #units = unitValues()
  readonly #cycles = new Map<string, Uint8Array>()

  /** All numbers of a distribution, which large tensors repeat. */
  #cycle(key: string, dtype: DType, distribution: Distribution): Uint8Array {
    const name = `${dtype} ${distribution.mean} ${distribution.spread}`
    const cycle = this.#cycles.get(name) ?? bytesIn(dtype, valuesOf(this.#units, distribution), key)
    this.#cycles.set(name, cycle)
    return cycle
  }

  /** The bytes of a tensor, in pieces. @throws CheckpointError `checkpoint/tensors` for a dtype without numbers */
  *bytesOf({ key, dtype, shape }: TensorEntry): Generator<Uint8Array> {
    const distribution = distributionOf(key, shape)
    const count = elementCount(shape)
    let from = offsetOf(key)
    for (let left = count; left > 0; from = 0) {
      const end = Math.min(from + left, period)
      yield count < period
        ? bytesIn(dtype, valuesOf(this.#units.subarray(from, end), distribution), key)
        : this.#cycle(key, dtype, distribution).subarray(
            from * bytesPerElement(dtype),
            end * bytesPerElement(dtype),
          )
      left -= end - from
    }
  }
}

function valuesOf(units: Float32Array, { mean, spread }: Distribution): Float32Array {
  // `map` of a typed array takes twice as long.
  const values = new Float32Array(units.length)
  for (let index = 0; index < values.length; index++) values[index] = mean + spread * units[index]!
  return values
}

/** Where the numbers of a tensor begin, so that two of one shape differ: FNV-1a of the key. */
function offsetOf(key: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % period
}

function distributionOf(key: string, shape: readonly number[]): Distribution {
  if (/(norm\w*\.weight|gamma|_std|std-of-means)$/.test(key)) return { mean: 1, spread: 0.02 }
  if (shape.length < 2) return { mean: 0, spread: 0.02 }
  return { mean: 0, spread: 1 / Math.sqrt(elementCount(shape.slice(1))) }
}

let units: Float32Array | undefined

/**
 * Evenly spread with mean 0 and deviation 1, from a linear congruential generator (Numerical Recipes' constants). It is one
 * table, to be read.
 */
export function unitValues(): Float32Array {
  units ??= makeUnitValues()
  return units
}

function makeUnitValues(): Float32Array {
  const values = new Float32Array(period)
  let state = 1
  for (let index = 0; index < period; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[index] = Math.sqrt(12) * (state / 2 ** 32 - 0.5)
  }
  return values
}

function bytesIn(dtype: DType, values: Float32Array, key: string): Uint8Array {
  const data =
    dtype === 'f32'
      ? values
      : dtype === 'bf16'
        ? bitsOfEach(values, toBfloat16Bits)
        : dtype === 'f16'
          ? bitsOfEach(values, toFloat16Bits)
          : undefined
  if (data) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  throw new CheckpointError('checkpoint/tensors', {
    subject: key,
    expected: 'f32, bf16 or f16 for random numbers',
    got: dtype,
  })
}
