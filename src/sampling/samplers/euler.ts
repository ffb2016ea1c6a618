import { flowMatchSchedule } from '../schedules/flow-match.ts'
import type { Schedule } from '../schedules/schedule.ts'
import { emptyHistory, type Sampler, type TokenStep } from './sampler.ts'
import { checkStep } from './step-formulas.ts'

/** Euler's method on dx/dsigma = velocity (diffusers' FlowMatchEulerDiscreteScheduler). It needs no history. */
export const euler: Sampler = Object.freeze<Sampler>({
  name: 'euler',
  order: 1,
  stochastic: false,
  schedule: flowMatchSchedule,
  step(on, state) {
    checkStep(euler, state)
    const {
      latents,
      velocity,
      step,
      schedule: { sigmas },
    } = state
    const change = Math.fround(sigmas[step + 1]! - sigmas[step]!)
    return {
      latents: on.combination([
        [1, latents],
        [change, velocity],
      ]),
      history: emptyHistory,
    }
  },
  stepTokens({ latents, velocity, timesteps, schedule }: TokenStep) {
    const channels = latents.length / timesteps.length
    const result = new Float32Array(latents.length)
    timesteps.forEach((timestep, token) => {
      const change = nextLower(timestep, schedule)
      for (let i = token * channels; i < (token + 1) * channels; i++) {
        result[i] = latents[i]! + change * velocity[i]!
      }
    })
    return result
  },
})

/** The change of sigma from a timestep to the schedule's next level below it. */
function nextLower(timestep: number, { sigmas, trainTimesteps }: Schedule): number {
  const sigma = Math.fround(timestep / trainTimesteps)
  // Levels within 1e-6 are the token's own, met again through rounding.
  const limit = Math.fround(sigma - 1e-6)
  return Math.fround(Math.max(0, ...sigmas.filter(level => level < limit)) - sigma)
}
