import type { Arithmetic } from '../../tensor/arithmetic.ts'
import type { FlowSettings, Schedule, ScheduleRequest } from '../schedules/schedule.ts'

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
export interface History<V = Float32Array> {
  /** Denoised estimates of the steps so far, newest first, as many as the sampler looks back. */
  readonly denoised: readonly V[]
  /** UniPC: the latents that its last prediction started from. */
  readonly origin?: V
  /** UniPC: the order of its last prediction. */
  readonly order?: number
}

/** The history before the first step of a run, wherever in the schedule that is. */
export const emptyHistory: History<never> = Object.freeze({ denoised: Object.freeze([]) })

/** Everything a step is computed from. A run may begin at any step of the schedule, with an empty history. */
export interface SamplerStep<V = Float32Array> {
  /** Latents at `schedule.sigmas[step]`, of any shape. */
  readonly latents: V
  /** The network's (guided) velocity for them: noise − data, as many elements. */
  readonly velocity: V
  /** 0 … steps − 1. */
  readonly step: number
  readonly schedule: Schedule
  readonly history: History<V>
  /** Fresh standard normals, as many as latents. Stochastic samplers need them in every step, the last too. */
  readonly noise?: V
}

/** A step in which tokens are at different noise levels; latents are [tokens, channels], in the host's memory. */
export interface TokenStep {
  readonly latents: Float32Array
  readonly velocity: Float32Array
  /** Of every token, which goes to the next lower level of the schedule. */
  readonly timesteps: Float32Array
  readonly schedule: Schedule
}

/** Latents at `schedule.sigmas[step + 1]`, in a new array, and the history for that step. */
export interface SamplerResult<V = Float32Array> {
  readonly latents: V
  readonly history: History<V>
}

/** A solver of the flow's differential equation. `step` is pure: it writes to none of its inputs and keeps nothing. */
export interface Sampler {
  readonly name: SamplerName
  /** Order of accuracy. */
  readonly order: number
  /** Whether steps need `noise`: drawn from the run's generator once a step, after the initial latents. */
  readonly stochastic: boolean
  /** @throws RequestError `request/unsupported` for a shift that its levels cannot have */
  checkShift?(flow: FlowSettings): void
  /**
   * The levels that it visits.
   * @throws RequestError `request/invalid` when a dynamic shift lacks tokens and mu, `request/unsupported` when it is not
   *   defined on given sigmas or timesteps
   */
  schedule(flow: FlowSettings, request: ScheduleRequest): Schedule
  step<V>(on: Arithmetic<V>, state: SamplerStep<V>): SamplerResult<V>
  /** Only where tokens can be stepped apart. */
  stepTokens?(state: TokenStep): Float32Array
}
