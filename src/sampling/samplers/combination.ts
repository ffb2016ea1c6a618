/** A weight and the values it scales. */
export type Term = readonly [weight: number, values: Float32Array]

/** Elements summed at a time: the sums stay in the processor's first cache. */
const chunk = 2048

/** The weighted sum of arrays of one length, in a new array: summed in float64, rounded once. */
export function combination(terms: readonly [Term, ...Term[]]): Float32Array {
  const length = terms[0][1].length
  const result = new Float32Array(length)
  const sums = new Float64Array(Math.min(chunk, length))
  for (let start = 0; start < length; start += chunk) {
    const count = Math.min(chunk, length - start)
    sums.fill(0)
    for (const [weight, values] of terms) addScaled(sums, weight, values, start, count)
    for (let i = 0; i < count; i++) result[start + i] = sums[i]!
  }
  return result
}

function addScaled(
  sums: Float64Array,
  weight: number,
  values: Float32Array,
  start: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) sums[i]! += weight * values[start + i]!
}

/** The clean latents that a velocity points at from noise level sigma: latents − sigma · velocity. */
export function denoisedBy(latents: Float32Array, velocity: Float32Array, sigma: number): Float32Array {
  return combination([
    [1, latents],
    [-sigma, velocity],
  ])
}
