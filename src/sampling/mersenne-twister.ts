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
