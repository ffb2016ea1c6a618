import { RequestError } from '../../errors.ts'
import type { Schedule } from '../schedules/schedule.ts'

/**
 * The samplers there are: UniPC, Euler, DPM-Solver++ multistep (second order unless a checkpoint says otherwise), and
 * the stochastic one that distilled checkpoints use.
 */
export const samplerNames = ['unipc', 'euler', 'dpm++2m', 'lcm'] as const

export type SamplerName = (typeof samplerNames)[number]

/**
 * What a step leaves for the next one. Plain data without functions: it can be cloned, stored and sent, and a run
 * resumed from it. Its arrays are shared with the steps before; do not write to them.
 */
export interface History {
  /** Denoised estimates of the steps so far, newest first, as many as the sampler looks back. */
  readonly denoised: readonly Float32Array[]
  /** UniPC: the latents that its last prediction started from. */
  readonly origin?: Float32Array
  /** UniPC: the order of its last prediction. */
  readonly order?: number
}

/** The history before the first step of a run, wherever in the schedule that is. */
export const emptyHistory: History = Object.freeze({ denoised: Object.freeze([]) })

/** Everything a step is computed from. A run may begin at any step of the schedule, with an empty history. */
export interface SamplerStep {
  /** Latents at `schedule.sigmas[step]`, of any shape. */
  readonly latents: Float32Array
  /** The network's (guided) velocity for them: noise − data, as many elements. */
  readonly velocity: Float32Array
  /** 0 … steps − 1. */
  readonly step: number
  readonly schedule: Schedule
  readonly history: History
  /** Fresh standard normals, as many as latents. Stochastic samplers need them in every step, the last too. */
  readonly noise?: Float32Array
  /**
   * A timestep for each token, where tokens are at different noise levels; latents are then [tokens, channels].
   * Each token goes to the next lower level of the schedule. Euler only.
   */
  readonly tokenTimesteps?: Float32Array
}

/** Latents at `schedule.sigmas[step + 1]`, in a new array, and the history for that step. */
export interface SamplerResult {
  readonly latents: Float32Array
  readonly history: History
}

/** A solver of the flow's differential equation. `step` is pure: it writes to none of its inputs and keeps nothing. */
export interface Sampler {
  readonly name: SamplerName
  /** Order of accuracy. */
  readonly order: number
  /** Whether steps need `noise`: drawn from the run's generator once a step, after the initial latents. */
  readonly stochastic: boolean
  step(state: SamplerStep): SamplerResult
}

/**
 * Checks what the types do not say about a step.
 * @throws RequestError `request/invalid` when lengths differ, the step is outside of the schedule or noise is missing;
 *   `request/unsupported` when the sampler cannot step tokens apart
 */
export function checkStep(sampler: Sampler, state: SamplerStep): void {
  const { latents, velocity, step, schedule, noise, tokenTimesteps } = state
  const steps = schedule.timesteps.length
  if (!(Number.isInteger(step) && step >= 0 && step < steps)) {
    throw invalid('step', `0 to ${steps - 1}`, step)
  }
  if (velocity.length !== latents.length)
    throw invalid('velocity', `${latents.length} values`, velocity.length)
  if (sampler.stochastic && noise?.length !== latents.length) {
    throw invalid(
      'noise',
      `${latents.length} values for the sampler ${sampler.name}`,
      noise?.length ?? 'none',
    )
  }
  if (tokenTimesteps === undefined) return
  if (latents.length % tokenTimesteps.length !== 0) {
    throw invalid('tokenTimesteps', `a divisor of ${latents.length} values`, tokenTimesteps.length)
  }
  if (sampler.name !== 'euler') {
    throw new RequestError('request/unsupported', {
      subject: 'sampler',
      expected: 'euler, the one that can step tokens of different noise levels',
      got: sampler.name,
    })
  }
}

function invalid(subject: string, expected: string, got: unknown): RequestError {
  return new RequestError('request/invalid', { subject, expected, got: String(got) })
}
