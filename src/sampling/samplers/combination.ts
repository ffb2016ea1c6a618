/** A weight and the values it scales. */
export type Term = readonly [weight: number, values: Float32Array]

/** As many terms as the widest formula has: the corrector of third order. */
const mostTerms = 5

/**
 * The weighted sum of 1 to 5 arrays of one length, in a new array: summed in float64, rounded once.
 * The terms are spelled out in the loops because they run over millions of elements in every step.
 */
export function combination(terms: readonly [Term, ...Term[]]): Float32Array {
  if (terms.length > mostTerms)
    throw new RangeError(`expected up to ${mostTerms} terms, got ${terms.length}.`)
  const result = new Float32Array(terms[0][1].length)
  const nothing: Term = [0, terms[0][1]]
  const [first, second = nothing, third = nothing, fourth = nothing, fifth = nothing] = terms
  if (terms.length <= 2) sumTwo(result, first, second)
  else sumFive(result, [first, second, third, fourth, fifth])
  return result
}

/** The clean latents that a velocity points at from noise level sigma: latents − sigma · velocity. */
export function denoisedBy(latents: Float32Array, velocity: Float32Array, sigma: number): Float32Array {
  return combination([
    [1, latents],
    [-sigma, velocity],
  ])
}

function sumTwo(result: Float32Array, [a, x]: Term, [b, y]: Term): void {
  for (let i = 0; i < result.length; i++) result[i] = a * x[i]! + b * y[i]!
}

function sumFive(result: Float32Array, terms: readonly [Term, Term, Term, Term, Term]): void {
  const [[a, x], [b, y], [c, z], [d, u], [e, v]] = terms
  for (let i = 0; i < result.length; i++) {
    result[i] = a * x[i]! + b * y[i]! + c * z[i]! + d * u[i]! + e * v[i]!
  }
}
