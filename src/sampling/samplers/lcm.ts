import { checkStep, denoisedBy, emptyHistory, type Sampler } from './sampler.ts'

/**
 * Denoises fully, then adds fresh noise of the next level: diffusers' FlowMatchLCMScheduler, and its
 * FlowMatchEulerDiscreteScheduler with stochastic_sampling. For checkpoints distilled to a few steps.
 */
export const lcm: Sampler = Object.freeze<Sampler>({
  name: 'lcm',
  order: 1,
  stochastic: true,
  step(on, state) {
    checkStep(lcm, state)
    const { latents, velocity, step, schedule, noise } = state
    const next = schedule.sigmas[step + 1]!
    const denoised = denoisedBy(on, latents, velocity, schedule.sigmas[step]!)
    return {
      latents: on.combination([
        [Math.fround(1 - next), denoised],
        [next, noise!],
      ]),
      history: emptyHistory,
    }
  },
})
