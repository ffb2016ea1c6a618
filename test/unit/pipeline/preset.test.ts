import { expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { wanPresets } from '../../../models/wan/presets.ts'
import { presetText } from '../../../src/pipeline/fields/preset.ts'
import { requestFieldsOf } from '../../../src/pipeline/fields/request-fields.ts'
import { storedFields } from '../../../src/pipeline/fields/stored-fields.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'
import { type GenerateRequest, planRequest } from '../../../src/pipeline/request.ts'
import { createScheduler } from '../../../src/sampling/scheduler.ts'
import { readSchedulerConfig } from '../../../src/weights/scheduler-config.ts'

const fields = requestFieldsOf(families.map(each => each.fields))
const facts: RequestFacts = {
  geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] },
  defaults: { width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5, negativePrompt: '' },
  textTokens: 512,
  experts: [{}],
  modes: ['text'],
  requires: [],
  takes: [],
  presets: wanPresets,
}
const plan = (request: Partial<GenerateRequest>, about = facts) =>
  planRequest({ prompt: 'a', ...request }, about, { fields, randomSeed: () => 1n })

test('a preset gives steps, guidance, shift and sampler', () => {
  expect(plan({ preset: 'lightning' })).toMatchObject({
    steps: 4,
    timesteps: [1000, 750, 500, 250],
    guidance: [1],
    shift: 5,
    sampler: 'euler',
  })
  expect(plan({ preset: 'causvid' })).toMatchObject({ steps: 12, guidance: [1], shift: 7, sampler: 'unipc' })
  expect(plan({ preset: 'fusionx' })).toMatchObject({ steps: 10, guidance: [1], shift: 2, sampler: 'unipc' })
})

test('what a request says itself wins over its preset', () => {
  const own = plan({ preset: 'lightning', steps: 8, guidance: 1.5 })
  expect(own).toMatchObject({ steps: 8, timesteps: undefined, guidance: [1.5], shift: 5 })
  expect(plan({ preset: 'rcm', sampler: 'euler' })).toMatchObject({ steps: 4, sampler: 'euler' })
})

test('nothing is different without a preset', () => {
  expect(plan({})).toMatchObject({ steps: 50, guidance: [5], shift: undefined, sampler: undefined })
})

test('a file keeps what a preset gave, not its name', () => {
  const stored = storedFields(plan({ preset: 'fastwan', seed: 1 }), fields)
  expect(stored).toMatchObject({ timesteps: [1000, 757, 522], guidance: 1, shift: 1, sampler: 'lcm' })
  expect(stored).not.toHaveProperty('preset')
})

test('a preset that the model does not have is refused with those that it has', () => {
  expect(() => plan({ preset: 'x' })).toThrow(
    'preset: expected one of lightning, causvid, fusionx, rcm, fastwan, got "x".',
  )
  expect(() => plan({ preset: 'lightning' }, { ...facts, presets: [] })).toThrow(
    'preset: expected none, for this model, got "lightning".',
  )
})

/** Noise levels that the makers of each give, with one for each step and the end. */
test.each<[string, number[]]>([
  ['lightning', [1, 0.9375, 0.83333, 0.625, 0]],
  // tan(1.5) / (1 + tan(1.5)) and so on.
  ['rcm', [0.98765, 0.93378, 0.85289, 0.60898, 0]],
  ['fastwan', [1, 0.757, 0.522, 0]],
])('%s is run at the noise levels of its makers', (name, sigmas) => {
  const { timesteps, sigmas: given, shift, sampler } = plan({ preset: name })
  const config = {
    _class_name: 'UniPCMultistepScheduler',
    prediction_type: 'flow_prediction',
    use_flow_sigmas: true,
    flow_shift: 3,
  }
  const scheduler = createScheduler(readSchedulerConfig(config), { shift: shift!, sampler: sampler! })
  const { sigmas: levels } = scheduler.schedule(given ? { sigmas: given } : { timesteps: timesteps! })
  expect(levels).toHaveLength(sigmas.length)
  for (const [index, sigma] of sigmas.entries()) expect(levels[index]).toBeCloseTo(sigma, 4)
})

test('a preset is described by what it gives', () => {
  expect(wanPresets.map(presetText)).toEqual([
    '4 steps at 1000, 750, 500, 250; guidance 1; shift 5; sampler euler',
    '12 steps; guidance 1; shift 7; sampler unipc',
    '10 steps; guidance 1; shift 2; sampler unipc',
    '4 steps at σ 0.987654, 0.933781, 0.852895, 0.608979; guidance 1; shift 1; sampler lcm',
    '3 steps at 1000, 757, 522; guidance 1; shift 1; sampler lcm',
  ])
})
