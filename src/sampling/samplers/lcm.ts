import type { Arithmetic } from '../../tensor/arithmetic.ts'
import { flowMatchSchedule } from '../schedules/flow-match.ts'
import { emptyHistory, type Sampler, type SamplerResult, type SamplerStep } from './sampler.ts'
import { checkStep, denoisedBy } from './step-formulas.ts'

/** Denoises fully, then adds fresh noise of the next level. For checkpoints distilled to a few steps. */
function step<V>(on: Arithmetic<V>, state: SamplerStep<V>): SamplerResult<V> {
  checkStep(lcm, state)
  const { latents, velocity, step: at, schedule, noise } = state
  const next = schedule.sigmas[at + 1]!
  const denoised = denoisedBy(on, latents, velocity, schedule.sigmas[at]!)
  return {
    latents: on.combination([
      [Math.fround(1 - next), denoised],
      [next, noise!],
    ]),
    history: emptyHistory,
  }
}

/** diffusers' FlowMatchEulerDiscreteScheduler with stochastic_sampling. */
export const stochasticEuler: Sampler = Object.freeze<Sampler>({
  name: 'lcm',
  order: 1,
  stochastic: true,
  schedule: flowMatchSchedule,
  step,
})

/**
 * diffusers' FlowMatchLCMScheduler: the network is given timesteps as they are asked for, where a shift moves the levels
 * away from them.
 */
export const lcm: Sampler = Object.freeze<Sampler>({
  ...stochasticEuler,
  schedule(flow, request) {
    const schedule = flowMatchSchedule(flow, request)
    return 'timesteps' in request
      ? { ...schedule, timesteps: Float32Array.from(request.timesteps) }
      : schedule
  },
})
