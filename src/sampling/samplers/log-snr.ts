/**
 * Half the logarithm of the signal-to-noise ratio at a noise level, ln((1 − sigma) / sigma): the variable in which
 * the exponential solvers step. Infinite at sigma 0. Rounded to float32 as the reference does.
 */
export function halfLogSnr(sigma: number): number {
  return Math.fround(Math.fround(Math.log(signalOf(sigma))) - Math.fround(Math.log(sigma)))
}

/** The share of signal at a noise level, 1 − sigma. */
export function signalOf(sigma: number): number {
  return Math.fround(1 - sigma)
}
