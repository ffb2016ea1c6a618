import { expect, test } from 'vitest'
import { createDpm, defaultDpmOptions } from '../../../../src/sampling/samplers/dpm.ts'
import { emptyHistory, type SamplerResult } from '../../../../src/sampling/samplers/sampler.ts'
import { denoisedBy } from '../../../../src/sampling/samplers/step-formulas.ts'
import { hostArithmetic } from '../../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../../src/tensor/random.ts'
import { readScheduler, uniPCConfig } from '../scheduler-reference.ts'

const { schedule } = readScheduler(uniPCConfig(), { sampler: 'dpm++2m' })

/** Latents after each step of a run over velocities that are the same for every sampler. */
function latentsOf(options: Partial<typeof defaultDpmOptions>, steps: number): Float32Array[] {
  const sampler = createDpm({ ...defaultDpmOptions, ...options })
  const levels = schedule({ steps })
  let point: SamplerResult = { latents: createGenerator(1).randn(16), history: emptyHistory }
  return Array.from({ length: steps }, (_, step) => {
    const velocity = createGenerator(step + 2).randn(16)
    point = sampler.step(hostArithmetic, { ...point, velocity, step, schedule: levels })
    return point.latents
  })
}

test('the first step is of first order, whatever the order', () => {
  expect(latentsOf({ order: 3 }, 5)[0]).toEqual(latentsOf({ order: 1 }, 5)[0])
})

test('the last step is the denoised estimate', () => {
  const latents = latentsOf({ order: 2 }, 5)
  const estimate = denoisedBy(
    hostArithmetic,
    latents[3]!,
    createGenerator(6).randn(16),
    schedule({ steps: 5 }).sigmas[4]!,
  )
  expect(latents[4]).toEqual(estimate)
})

test('with fewer than 15 steps the last but one goes no higher than second order, if so configured', () => {
  const [lower, full] = [true, false].map(lowerOrderFinal => latentsOf({ order: 3, lowerOrderFinal }, 14))
  expect(lower!.slice(0, 12)).toEqual(full!.slice(0, 12))
  expect(lower![12]).not.toEqual(full![12])
})

test('with 15 steps or more it keeps its order', () => {
  const [lower, full] = [true, false].map(lowerOrderFinal => latentsOf({ order: 3, lowerOrderFinal }, 15))
  expect(lower).toEqual(full)
})

test('heun and midpoint differ only from the second step on', () => {
  const [heun, midpoint] = (['heun', 'midpoint'] as const).map(kind => latentsOf({ kind }, 4))
  expect(heun![0]).toEqual(midpoint![0])
  expect(heun![1]).not.toEqual(midpoint![1])
})
