import { describe, expect, test } from 'vitest'
import { emptyHistory, type History } from '../../../../src/sampling/samplers/sampler.ts'
import { stepTokens } from '../../../../src/sampling/samplers/step-tokens.ts'
import { hostArithmetic } from '../../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../../src/tensor/random.ts'
import { relativeError } from '../../../compare.ts'
import { float32Of } from '../../../safetensors-fixture.ts'
import { type RunCase, requestOf, runs, schedulerOf, schedulerTensors } from '../scheduler-reference.ts'

interface RecordedRun {
  readonly initial: Float32Array
  readonly velocities: readonly Float32Array[]
  readonly states: readonly Float32Array[]
  /** The highest timestep of each token. */
  readonly limit: Float32Array | undefined
}

function recorded({ key }: RunCase): RecordedRun {
  const initial = float32Of(schedulerTensors, `run.${key}.initial`)
  const rows = (name: string) => rowsOf(float32Of(schedulerTensors, `run.${key}.${name}`), initial.length)
  const limit = schedulerTensors.has(`run.${key}.limit`)
    ? float32Of(schedulerTensors, `run.${key}.limit`)
    : undefined
  return { initial, velocities: rows('model_outputs'), states: rows('states'), limit }
}

function rowsOf(values: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: values.length / length }, (_, i) =>
    values.subarray(i * length, (i + 1) * length),
  )
}

/** The states that our sampler goes through when the network says what it said in the recorded run. */
function replay(listed: RunCase): Float32Array[] {
  const { initial, velocities, limit } = recorded(listed)
  const { sampler, schedule: makeSchedule } = schedulerOf(listed)
  const schedule = makeSchedule(requestOf(listed))
  const generator = createGenerator(listed.step_generator_seed ?? 0)
  let latents = initial
  let history: History = emptyHistory
  return velocities.map((velocity, step) => {
    const timestep = schedule.timesteps[step]!
    if (limit) {
      const timesteps = limit.map(highest => Math.min(timestep, highest))
      latents = stepTokens(sampler, { latents, velocity, timesteps, schedule })
      return latents
    }
    const noise = sampler.stochastic ? { noise: generator.randn(latents.length) } : {}
    const state = { latents, velocity, step, schedule, history, ...noise }
    ;({ latents, history } = sampler.step(hostArithmetic, state))
    return latents
  })
}

describe("each step of a run equals diffusers'", () => {
  test.each(runs)('$key', listed => {
    const { states } = recorded(listed)
    const replayed = replay(listed)
    expect(replayed.length).toBe(states.length)
    for (const [i, state] of replayed.entries()) expect(relativeError(state, states[i]!)).toBeLessThan(1e-6)
  })
})
