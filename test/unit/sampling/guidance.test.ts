import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createGuidance, guidancePasses, guided } from '../../../src/sampling/guidance.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { relativeError } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { float32Of, readFixtureTensors } from '../../safetensors-fixture.ts'

const { settings } = JSON.parse(readFileSync(fixture('modules/guidance/guidance.json'), 'utf8')) as {
  readonly settings: readonly { tensor: string; scale: number; rescale: number }[]
}
const reference = readFixtureTensors(fixture('modules/guidance/guidance.safetensors'))

/** Velocities are guided in the same way wherever the latents are. */
const anywhere = { latents: new Float32Array(), sigma: 1 }

test.each(settings)(
  "scale $scale with rescale $rescale equals diffusers' result",
  async ({ tensor, ...options }) => {
    const [conditional, unconditional] = ['conditional', 'unconditional'].map(name =>
      float32Of(reference, name),
    )
    const velocities = { conditional: conditional!, unconditional: unconditional! }
    const { velocity } = await guided(hostArithmetic, createGuidance(options), velocities, anywhere)
    expect(relativeError(velocity, float32Of(reference, tensor))).toBeLessThan(1e-6)
  },
)

const conditional = createGenerator(1).randn(64)
const unconditional = createGenerator(2).randn(64)

function guide(
  options: Parameters<typeof createGuidance>[0],
  ...branches: [Float32Array, Float32Array] | []
): ReturnType<typeof guided<Float32Array>> {
  const [first = conditional, second = unconditional] = branches
  const velocities = { conditional: first, unconditional: second }
  return guided(hostArithmetic, createGuidance(options), velocities, anywhere)
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

describe('the guided velocity', () => {
  test('goes from the unconditional one scale times as far as the conditional one', async () => {
    const { velocity } = await guide({ scale: 5 }, Float32Array.of(1, 2), Float32Array.of(0.5, 4))
    expect([...velocity]).toEqual([3, -6])
  })

  test('with scale 1 is the conditional one', async () => {
    const { velocity } = await guide({ scale: 1 })
    for (const [i, value] of velocity.entries()) expect(value).toBeCloseTo(conditional[i]!, 6)
  })

  test('fully rescaled spreads like the conditional one', async () => {
    const { velocity } = await guide({ scale: 7, rescale: 1 })
    expect(deviation(velocity)).toBeCloseTo(deviation(conditional), 5)
  })

  test('partly rescaled lies between the plain and the rescaled one', async () => {
    const found = [0, 0.5, 1].map(async rescale => (await guide({ scale: 4, rescale })).velocity)
    const [plain, half, full] = await Promise.all(found)
    for (const [i, value] of half!.entries()) expect(value).toBeCloseTo((plain![i]! + full![i]!) / 2, 5)
  })

  test('is a new array', async () => {
    const copies = [conditional.slice(), unconditional.slice()]
    await guide({ scale: 4, rescale: 0.7 })
    expect([conditional, unconditional]).toEqual(copies)
  })

  test('of branches that differ in size is refused', async () => {
    await expect(guide({ scale: 4 }, conditional, unconditional.subarray(1))).rejects.toThrow(RangeError)
  })
})

describe('guidance is active', () => {
  const stepsOf = (options: Parameters<typeof createGuidance>[0], steps: number) =>
    Array.from({ length: steps }, (_, step) => step).filter(step =>
      guidancePasses([createGuidance(options)], step, steps).includes('unconditional'),
    )

  test('in every step unless told otherwise', () => {
    expect(stepsOf({ scale: 5 }, 4)).toEqual([0, 1, 2, 3])
  })

  test.each([0, 0.5, 1])('in no step with scale %s', scale => {
    expect(stepsOf({ scale }, 4)).toEqual([])
  })

  test('in every step with a scale below 1 where that guides, and in none at 1', () => {
    expect(stepsOf({ scale: 0.5, belowOne: 'guides' }, 2)).toEqual([0, 1])
    expect(stepsOf({ scale: 1, belowOne: 'guides' }, 2)).toEqual([])
    const passes = (scale: number) => guidancePasses([createGuidance({ scale, belowOne: 'guides' })], 0, 2)
    expect(passes(0.5)).toEqual(['conditional', 'unconditional'])
    expect(passes(1)).toEqual(['conditional'])
  })

  test('from the start of the interval up to, not including, its end', () => {
    expect(stepsOf({ scale: 5, interval: [0.2, 0.6] }, 10)).toEqual([2, 3, 4, 5])
  })

  test('in whole steps, rounded down', () => {
    expect(stepsOf({ scale: 5, interval: [0.25, 0.9] }, 5)).toEqual([1, 2, 3])
  })
})

test('guidance is frozen', () => {
  const guidance = createGuidance({ scale: 2 })
  expect(Object.isFrozen(guidance)).toBe(true)
  expect(Object.isFrozen(guidance.interval)).toBe(true)
})

test.each([
  [{ scale: -1 }, 'guidance: expected a number from 0, got -1.'],
  [{ scale: Number.NaN }, 'guidance: expected a number from 0, got NaN.'],
  [{ scale: 2, interval: [0.5, 0.2] }, 'guidance interval: expected two rising fractions'],
  [{ scale: 2, interval: [-0.1, 1] }, 'guidance interval: expected two rising fractions'],
  [{ scale: 2, interval: [0, 1.5] }, 'guidance interval: expected two rising fractions'],
  [{ scale: 2, rescale: 1.5 }, 'guidance rescale: expected a number from 0 to 1, got 1.5.'],
] as const)('%j is refused', (options, message) => {
  expect(() => createGuidance(options)).toThrow(message)
})
