import type { NoisePosition } from '../sampling/noise.ts'
import { emptyHistory, type History } from '../sampling/samplers/sampler.ts'
import { emptyVelocityState, type VelocityState } from './velocity.ts'

/**
 * Everything that a step of a run leaves for the next one: plain data. With the same request it is enough to go on
 * from, to the same video bit for bit: what does not change with the steps is made anew. Its arrays are shared with
 * the steps before; do not write to them.
 */
export interface DenoiseState {
  /** The step to do next, counted from the start of the schedule. */
  readonly step: number
  /** [channels, frames, height, width], flat */
  readonly latents: Float32Array
  readonly history: History
  readonly velocity: VelocityState
  readonly noise: NoisePosition
  /** Steps so far in which the network did not run. */
  readonly skippedSteps: number
}

/** The state before the first step. */
export function firstState(step: number, latents: Float32Array, noise: NoisePosition): DenoiseState {
  return { step, latents, noise, history: emptyHistory, velocity: emptyVelocityState, skippedSteps: 0 }
}
