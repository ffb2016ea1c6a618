import { invalidRequest } from '../errors.ts'
import { bitsOfEach, toBfloat16Bits } from './float16.ts'

/**
 * A stream of random numbers: what `torch.Generator('cpu').manual_seed(seed)` gives to `torch.randn` and `torch.rand`,
 * draw after draw (ATen/native/cpu/DistributionTemplates.h). Uniforms, bfloat16 and draws of fewer than 16 normals are
 * equal to the bit. Float32 normals from 16 on are within 4e-7 of a torch that uses AVX2, whose log, sin and cos are
 * approximations; torch's own results differ by 2e-6 between machines with and without it.
 */
export interface NoiseGenerator {
  /** `count` standard normals, float32. */
  randn(count: number): Float32Array
  /**
   * `count` standard normals as bfloat16 bits. The rounded float32 draw; but when `count` is no multiple of 16 the
   * end differs, because this path draws nothing for the elements that it then draws afresh.
   */
  randnBfloat16(count: number): Uint16Array
  /** `count` uniforms in [0, 1), float32. */
  rand(count: number): Float32Array
  /** `count` uniforms in [0, 1) as bfloat16 bits. */
  randBfloat16(count: number): Uint16Array
  /** Where the stream is. */
  position(): NoisePosition
}

/** A place in the stream of a seed: plain data, to go on from with a new generator of the same seed. */
export interface NoisePosition {
  /** 32-bit words that were drawn. */
  readonly words: number
  /** The second of a pair of normals, where it was not asked for yet. */
  readonly waiting?: number
}

/** Before the first draw. */
export const startOfNoise: NoisePosition = Object.freeze({ words: 0 })

/** The largest seed torch takes. */
export const maxSeed = 2n ** 64n - 1n

/** Draws of at least this many normals go through whole blocks of this size; smaller ones come in pairs. */
const block = 16

/** 2π as torch's float32 code has it. */
const twoPi = Math.fround(2 * Math.PI)

/**
 * Starts the stream of a seed. Seeds that agree in their low 32 bits give the same stream, as in torch.
 * @param seed 0 … 2^64 − 1; as a number at most 2^53 − 1
 * @param from where to begin in the stream; its start by default
 * @throws RequestError `request/invalid` when the seed is out of range or not an integer
 */
export function createGenerator(seed: bigint | number, from: NoisePosition = startOfNoise): NoiseGenerator {
  const twister = createMersenneTwister(checkedSeed(seed))
  let words = 0
  const draw = () => {
    words++
    return twister()
  }
  const paired = createPairedNormals(draw, from.waiting)
  while (words < from.words) draw()

  function drawNormals(count: number, uniforms: number): Float32Array {
    const values = new Float32Array(count)
    if (count < block) {
      for (let i = 0; i < count; i++) values[i] = paired.draw()
      return values
    }
    fillUniform(values, 0, uniforms, draw)
    for (let start = 0; start + block <= count; start += block) transformBlock(values, start)
    if (count % block !== 0) {
      // The rest is not a whole block: the last 16 are drawn afresh, over what some of them already were.
      fillUniform(values, count - block, count, draw)
      transformBlock(values, count - block)
    }
    return values
  }

  function rand(count: number): Float32Array {
    const values = new Float32Array(count)
    fillUniform(values, 0, count, draw)
    return values
  }

  return {
    randn: count => drawNormals(count, count),
    randnBfloat16: count => bitsOfEach(drawNormals(count, count - (count % block)), toBfloat16Bits),
    rand,
    randBfloat16: count => bitsOfEach(rand(count), uniformBfloat16Bits),
    position: () => ({ words, ...paired.waiting() }),
  }
}

function checkedSeed(seed: bigint | number): number {
  const valid =
    typeof seed === 'bigint' ? seed >= 0n && seed <= maxSeed : Number.isSafeInteger(seed) && seed >= 0
  if (!valid) {
    throw invalidRequest(
      'seed',
      'an integer from 0 to 2^64 − 1',
      seed,
      'Above 2^53 − 1, pass it as a bigint.',
    )
  }
  return Number(BigInt.asUintN(32, BigInt(seed)))
}

function fillUniform(values: Float32Array, start: number, end: number, draw: () => number): void {
  for (let i = start; i < end; i++) values[i] = (draw() & 0xffffff) * 2 ** -24
}

/** Box–Muller over 16 uniforms in place: element i pairs with i + 8. Rounded to float32 where torch rounds. */
function transformBlock(values: Float32Array, start: number): void {
  const half = block / 2
  for (let i = start; i < start + half; i++) {
    const radius = Math.fround(Math.sqrt(-2 * Math.fround(Math.log(1 - values[i]!))))
    const angle = Math.fround(twoPi * values[i + half]!)
    values[i] = radius * Math.fround(Math.cos(angle))
    values[i + half] = radius * Math.fround(Math.sin(angle))
  }
}

/** Normals one at a time in float64 precision; each pair of uniforms makes two, and the second waits for its turn. */
function createPairedNormals(draw: () => number, first: number | undefined) {
  let waiting = first
  function uniform(): number {
    const high = draw() & 0x1fffff
    return (high * 2 ** 32 + draw()) * 2 ** -53
  }
  return {
    draw(): number {
      if (waiting !== undefined) {
        const sample = waiting
        waiting = undefined
        return sample
      }
      const angle = 2 * Math.PI * uniform()
      const radius = Math.sqrt(-2 * Math.log1p(-uniform()))
      waiting = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
    waiting: () => (waiting === undefined ? {} : { waiting }),
  }
}

/** A uniform that rounds up to 1, which [0, 1) does not hold, becomes 0. */
function uniformBfloat16Bits(value: number): number {
  const bits = toBfloat16Bits(value)
  return bits === 0x3f80 ? 0 : bits
}

/**
 * The 32-bit Mersenne Twister, MT19937 (Matsumoto & Nishimura, 1998, https://doi.org/10.1145/272991.272995).
 * It is the engine behind torch's CPU generator.
 */

const stateSize = 624
const middle = 397

/** Returns a function that draws the next unsigned 32-bit integer of the stream seeded by `seed` (its low 32 bits). */
export function createMersenneTwister(seed: number): () => number {
  const state = seededState(seed)
  let next = stateSize
  return () => {
    if (next === stateSize) {
      advance(state)
      next = 0
    }
    return tempered(state[next++]!)
  }
}

function seededState(seed: number): Uint32Array {
  const state = new Uint32Array(stateSize)
  state[0] = seed
  for (let i = 1; i < stateSize; i++) {
    const previous = state[i - 1]!
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i
  }
  return state
}

/** Replaces the whole state by the next 624 words of the recurrence. */
function advance(state: Uint32Array): void {
  // Split where an index wraps around, so that the loops need no modulo.
  for (let i = 0; i < stateSize - middle; i++) {
    state[i] = state[i + middle]! ^ twisted(state[i]!, state[i + 1]!)
  }
  for (let i = stateSize - middle; i < stateSize - 1; i++) {
    state[i] = state[i + middle - stateSize]! ^ twisted(state[i]!, state[i + 1]!)
  }
  state[stateSize - 1] = state[middle - 1]! ^ twisted(state[stateSize - 1]!, state[0]!)
}

/** One word of the recurrence's matrix product: the top bit of one word joined to the low bits of the next. */
function twisted(upper: number, lower: number): number {
  const joined = (upper & 0x80000000) | (lower & 0x7fffffff)
  return (joined >>> 1) ^ (lower & 1 ? 0x9908b0df : 0)
}

function tempered(word: number): number {
  let bits = word
  bits ^= bits >>> 11
  bits ^= (bits << 7) & 0x9d2c5680
  bits ^= (bits << 15) & 0xefc60000
  return (bits ^ (bits >>> 18)) >>> 0
}
