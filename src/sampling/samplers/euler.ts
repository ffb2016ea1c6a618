import type { Schedule } from '../schedules/schedule.ts'
import { combination } from './combination.ts'
import { checkStep, emptyHistory, type Sampler, type SamplerStep } from './sampler.ts'

/** Euler's method on dx/dsigma = velocity (diffusers' FlowMatchEulerDiscreteScheduler). It needs no history. */
export const euler: Sampler = Object.freeze({
  name: 'euler',
  order: 1,
  stochastic: false,
  step(state: SamplerStep) {
    checkStep(euler, state)
    const latents = state.tokenTimesteps ? stepTokens(state, state.tokenTimesteps) : stepAll(state)
    return { latents, history: emptyHistory }
  },
})

function stepAll({ latents, velocity, step, schedule: { sigmas } }: SamplerStep): Float32Array {
  return combination([
    [1, latents],
    [Math.fround(sigmas[step + 1]! - sigmas[step]!), velocity],
  ])
}

/** latents are [tokens, channels]; a token's own timestep says where it is. */
function stepTokens(state: SamplerStep, tokenTimesteps: Float32Array): Float32Array {
  const { latents, velocity, schedule } = state
  const channels = latents.length / tokenTimesteps.length
  const result = new Float32Array(latents.length)
  tokenTimesteps.forEach((timestep, token) => {
    const change = nextLower(timestep, schedule)
    for (let i = token * channels; i < (token + 1) * channels; i++) {
      result[i] = latents[i]! + change * velocity[i]!
    }
  })
  return result
}

/** The change of sigma from a timestep to the schedule's next level below it. */
function nextLower(timestep: number, { sigmas, trainTimesteps }: Schedule): number {
  const sigma = Math.fround(timestep / trainTimesteps)
  // Levels within 1e-6 are the token's own, met again through rounding.
  const limit = Math.fround(sigma - 1e-6)
  return Math.fround(Math.max(0, ...sigmas.filter(level => level < limit)) - sigma)
}
