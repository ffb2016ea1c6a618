import { describe, expect, test } from 'vitest'
import { emptyHistory, type Sampler, type SamplerResult } from '../../../../src/sampling/samplers/sampler.ts'
import { denoisedBy } from '../../../../src/sampling/samplers/step-formulas.ts'
import { createUniPC, defaultUniPCOptions } from '../../../../src/sampling/samplers/unipc.ts'
import { hostArithmetic } from '../../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../../src/tensor/random.ts'
import { readScheduler, uniPCConfig } from '../scheduler-reference.ts'

const schedule = readScheduler(uniPCConfig()).schedule({ steps: 4 })
const start = createGenerator(1).randn(32)
const velocities = [2, 3, 4, 5].map(seed => createGenerator(seed).randn(32))

/** The results of the first `count` steps. */
function stepThrough(sampler: Sampler, count: number): SamplerResult[] {
  const results: SamplerResult[] = []
  for (let step = 0; step < count; step++) {
    const { latents, history } = results.at(-1) ?? { latents: start, history: emptyHistory }
    results.push(
      sampler.step(hostArithmetic, { latents, history, velocity: velocities[step]!, step, schedule }),
    )
  }
  return results
}

describe('the step to level 0, where the formulas have no limit', () => {
  test.each([
    ['bh1', { kind: 'bh1' }],
    ['full order to the end', { lowerOrderFinal: false }],
    ['third order bh1 to the end', { order: 3, kind: 'bh1', lowerOrderFinal: false }],
  ] as const)('is the denoised estimate with %s', (_, options) => {
    const results = stepThrough(createUniPC({ ...defaultUniPCOptions, ...options }), 4)
    const estimate = denoisedBy(hostArithmetic, results[2]!.latents, velocities[3]!, schedule.sigmas[3]!)
    for (const [i, value] of results[3]!.latents.entries()) expect(value).toBeCloseTo(estimate[i]!, 6)
  })
})

test('the order rises with the steps done and falls with the steps left', () => {
  const orders = stepThrough(createUniPC({ ...defaultUniPCOptions, order: 3 }), 4).map(r => r.history.order)
  expect(orders).toEqual([1, 2, 2, 1])
})

test('a disabled corrector leaves the latents of its step as they are', () => {
  const results = stepThrough(createUniPC({ ...defaultUniPCOptions, disabledCorrectors: [0] }), 3)
  expect(results[1]!.history.origin).toEqual(results[0]!.latents)
  expect(results[2]!.history.origin).not.toEqual(results[1]!.latents)
})

test('samplers of the same options do not share anything that changes', () => {
  const sampler = createUniPC()
  expect(Object.isFrozen(sampler)).toBe(true)
  stepThrough(sampler, 4)
  expect(stepThrough(sampler, 4)).toEqual(stepThrough(createUniPC(), 4))
})
