/** What the formulas of several samplers have in common. */
import { invalidRequest } from '../../errors.ts'
import type { Arithmetic } from '../../tensor/arithmetic.ts'
import type { Sampler, SamplerStep } from './sampler.ts'

/** The clean latents that a velocity points at from noise level sigma: latents − sigma · velocity. */
export function denoisedBy<V>(on: Arithmetic<V>, latents: V, velocity: V, sigma: number): V {
  return on.combination([
    [1, latents],
    [-sigma, velocity],
  ])
}

/**
 * Checks what the types do not say about a step.
 * @throws RequestError `request/invalid` when the step is outside of the schedule or noise is missing
 */
export function checkStep<V>(sampler: Sampler, { step, schedule, noise }: SamplerStep<V>): void {
  const steps = schedule.timesteps.length
  if (!(Number.isInteger(step) && step >= 0 && step < steps)) {
    throw invalidRequest('step', `0 to ${steps - 1}`, step)
  }
  if (sampler.stochastic && noise === undefined) {
    throw invalidRequest('noise', `values for the sampler ${sampler.name}`, 'none')
  }
}

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
