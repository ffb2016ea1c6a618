import { combination, denoisedBy } from './combination.ts'
import { checkStep, emptyHistory, type Sampler, type SamplerStep } from './sampler.ts'

/**
 * Denoises fully, then adds fresh noise of the next level: diffusers' FlowMatchLCMScheduler, and its
 * FlowMatchEulerDiscreteScheduler with stochastic_sampling. For checkpoints distilled to a few steps.
 */
export const lcm: Sampler = Object.freeze({
  name: 'lcm',
  order: 1,
  stochastic: true,
  step(state: SamplerStep) {
    checkStep(lcm, state)
    const { latents, velocity, step, schedule, noise } = state
    const next = schedule.sigmas[step + 1]!
    const denoised = denoisedBy(latents, velocity, schedule.sigmas[step]!)
    return {
      latents: combination([
        [Math.fround(1 - next), denoised],
        [next, noise!],
      ]),
      history: emptyHistory,
    }
  },
})
