import { expect, test } from 'vitest'
import { addNoise } from '../../../src/sampling/add-noise.ts'
import { relativeError } from '../../compare.ts'
import { float32Of } from '../../safetensors-fixture.ts'
import { readScheduler, schedulerTensors, uniPCConfig } from './scheduler-reference.ts'

const clean = float32Of(schedulerTensors, 'add_noise.unipc.sample')
const noise = float32Of(schedulerTensors, 'add_noise.unipc.noise')

test.each((['unipc', 'euler'] as const).flatMap(sampler => [0, 2, 7].map(step => ({ sampler, step }))))(
  'noise of step $step of 10 of $sampler is added as diffusers adds it',
  ({ sampler, step }) => {
    const { sigmas } = readScheduler(uniPCConfig(), { sampler }).schedule({ steps: 10 })
    const expected = float32Of(schedulerTensors, `add_noise.${sampler}.index${step}`)
    expect(relativeError(addNoise(clean, noise, sigmas[step]!), expected)).toBeLessThan(1e-6)
  },
)

test('sigma 0 leaves the latents and sigma 1 leaves the noise', () => {
  expect(addNoise(clean, noise, 0)).toEqual(clean)
  expect(addNoise(clean, noise, 1)).toEqual(noise)
})

test('the inputs are not written to', () => {
  const [cleanCopy, noiseCopy] = [clean.slice(), noise.slice()]
  addNoise(clean, noise, 0.5)
  expect([clean, noise]).toEqual([cleanCopy, noiseCopy])
})

test('noise of another size is refused', () => {
  expect(() => addNoise(clean, noise.subarray(1), 0.5)).toThrow(RangeError)
})
