import { describe, expect, test } from 'vitest'
import { euler } from '../../../../src/sampling/samplers/euler.ts'
import { emptyHistory } from '../../../../src/sampling/samplers/sampler.ts'
import { stepTokens } from '../../../../src/sampling/samplers/step-tokens.ts'
import { hostArithmetic } from '../../../../src/tensor/arithmetic.ts'
import { readScheduler } from '../scheduler-reference.ts'

const schedule = readScheduler({ _class_name: 'FlowMatchEulerDiscreteScheduler' }).schedule({
  sigmas: [1, 0.75, 0.5, 0.25],
})
const latents = new Float32Array(8).fill(1)
const velocity = new Float32Array(8).fill(4)
const state = { latents, velocity, schedule, history: emptyHistory }

test('a step goes along the velocity by the change of sigma', () => {
  expect([...euler.step(hostArithmetic, { ...state, step: 1 }).latents]).toEqual(new Array(8).fill(0))
})

describe('tokens of different noise levels', () => {
  const stepped = (...timesteps: number[]) => [
    ...stepTokens(euler, { latents, velocity, schedule, timesteps: Float32Array.from(timesteps) }),
  ]

  test('each go to the next level below their own', () => {
    // By two elements: 750 → 500, 600 → 500, 500 → 250, 250 → 0.
    const changes = [-0.25, -0.25, -0.1, -0.1, -0.25, -0.25, -0.25, -0.25]
    for (const [i, value] of stepped(750, 600, 500, 250).entries()) {
      expect(value).toBeCloseTo(1 + 4 * changes[i]!, 6)
    }
  })

  test('below the last level go to 0', () => {
    for (const value of stepped(200)) expect(value).toBeCloseTo(1 - 4 * 0.2, 6)
  })

  test('stay where they are without noise', () => {
    expect(stepped(0, 0)).toEqual([...latents])
  })

  test('must divide the latents evenly', () => {
    expect(() => stepped(1, 2, 3)).toThrow('timesteps: expected a divisor of 8 values, got 3.')
  })
})
