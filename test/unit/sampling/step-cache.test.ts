import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ByPass } from '../../../src/sampling/guidance.ts'
import {
  computedStep,
  createStepCache,
  emptyStepCache,
  reuseStep,
  type StepCache,
  type StepCacheState,
} from '../../../src/sampling/step-cache.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'
import { fixture } from '../../fixtures.ts'
import { float32Of, readFixtureTensors } from '../../safetensors-fixture.ts'

interface Step {
  readonly latents: Float32Array
  readonly velocities: ByPass<Float32Array>
  readonly guided: boolean
}

/** Runs steps through a cache; `state` goes through a clone between steps, as a stored run would. */
async function play(cache: StepCache, steps: readonly Step[], initial: StepCacheState = emptyStepCache) {
  let state = initial
  const used: { velocities: ByPass<Float32Array>; skipped: boolean }[] = []
  for (const [step, { latents, velocities, guided }] of steps.entries()) {
    const reuse = await reuseStep(hostArithmetic, cache, state, {
      latents,
      step,
      passes: guided ? ['conditional', 'unconditional'] : ['conditional'],
    })
    const next = reuse.velocities
      ? reuse.state
      : await computedStep(hostArithmetic, reuse.state, latents, velocities)
    state = structuredClone(next)
    used.push({ velocities: reuse.velocities ?? velocities, skipped: reuse.velocities !== undefined })
  }
  return { used, state, skipped: used.flatMap(({ skipped }, step) => (skipped ? step : [])) }
}

/** A run over single numbers, without guidance. */
function numbers(latents: readonly number[], velocities: readonly number[]): Step[] {
  return latents.map((value, i) => ({
    latents: Float32Array.of(value),
    velocities: { conditional: Float32Array.of(velocities[i]!) },
    guided: false,
  }))
}

const always = { threshold: 0.5, from: 2, until: 100 }

describe("the authors' own EasyCache", () => {
  const folder = 'modules/step-cache/step-cache'
  const { runs } = JSON.parse(readFileSync(fixture(`${folder}.json`), 'utf8')) as {
    readonly runs: readonly { threshold: number; skipped: readonly number[]; stored: boolean }[]
  }
  const reference = readFixtureTensors(fixture(`${folder}.safetensors`))
  const count = reference.get('latents')!.shape[0]!
  const at = (name: string, step: number) => {
    const data = float32Of(reference, name)
    return data.slice((step * data.length) / count, ((step + 1) * data.length) / count)
  }
  const steps = Array.from({ length: count }, (_, step) => ({
    latents: at('latents', step),
    velocities: { conditional: at('conditional', step), unconditional: at('unconditional', step) },
    guided: true,
  }))

  test.each(runs)('skips the same steps at threshold $threshold', async ({ threshold, skipped, stored }) => {
    const played = await play(createStepCache({ threshold, firstStep: 0, steps: count }), steps)
    expect(played.skipped).toEqual(skipped)
    if (!stored) return
    for (const [step, { velocities }] of played.used.entries()) {
      expect(velocities.conditional).toEqual(at(`${threshold}.conditional`, step))
      expect(velocities.unconditional).toEqual(at(`${threshold}.unconditional`, step))
    }
  })
})

describe('a step', () => {
  test('that is reused has its own latents plus the last update', async () => {
    const { used } = await play(always, numbers([10, 9, 8], [2, 2.5, 99]))
    // The last update is 2.5 − 9.
    expect(used[2]).toEqual({ velocities: { conditional: Float32Array.of(1.5) }, skipped: true })
  })

  test('is computed when the estimated change reaches the threshold', async () => {
    // Rate 0.5 / 1; the latents move by 1, so the estimate is 0.5 · 1 / 2.5 = 0.2.
    const run = numbers([10, 9, 8], [2, 2.5, 3])
    expect((await play({ ...always, threshold: 0.21 }, run)).skipped).toEqual([2])
    expect((await play({ ...always, threshold: 0.2 }, run)).skipped).toEqual([])
  })

  test('is computed when the changes of several steps add up, which then starts anew', async () => {
    const run = numbers([10, 9, 8, 7, 6, 5, 4], [2, 2.5, 0, 0, 3, 0, 0])
    // 0.2 a step: 0.2 and 0.4 are below 0.5, 0.6 is not. Then the rate is 0.5 / 3, and 0.056 is added a step.
    expect((await play(always, run)).skipped).toEqual([2, 3, 5, 6])
  })

  test('is never skipped before two steps are computed', async () => {
    expect((await play({ ...always, from: 0 }, numbers([10, 9, 8], [2, 2, 2]))).skipped).toEqual([2])
  })

  test('is never skipped with threshold 0, even if nothing changes', async () => {
    expect((await play({ ...always, threshold: 0 }, numbers([4, 3, 3, 3], [2, 2, 2, 2]))).skipped).toEqual([])
  })

  test('is computed when the change cannot be told', async () => {
    // The latents did not move, so that the rate is 0 / 0.
    expect((await play(always, numbers([3, 3, 3], [2, 2, 2]))).skipped).toEqual([])
    // The output is zero, so that any change is infinitely large beside it.
    expect((await play(always, numbers([3, 2, 1], [1, 0, 1]))).skipped).toEqual([])
  })
})

describe('branches', () => {
  const both = { conditional: Float32Array.of(2), unconditional: Float32Array.of(4) }
  const [first, second, third] = numbers([10, 9, 8], [2, 2, 2]) as [Step, Step, Step]

  test('each get their own last update', async () => {
    const { used } = await play(
      always,
      [first, second, third].map(step => ({ ...step, velocities: both, guided: true })),
    )
    expect(used[2]!.velocities).toEqual({
      conditional: Float32Array.of(1),
      unconditional: Float32Array.of(3),
    })
  })

  test('that the last computed step did not have make a step be computed', async () => {
    expect(
      (await play(always, [first, second, { ...third, velocities: both, guided: true }])).skipped,
    ).toEqual([])
  })

  test('that are no longer needed are left out', async () => {
    const guided = { velocities: both, guided: true }
    const { used, skipped } = await play(always, [{ ...first, ...guided }, { ...second, ...guided }, third])
    expect(skipped).toEqual([2])
    expect(used[2]!.velocities).toEqual({ conditional: Float32Array.of(1) })
  })
})

describe('a cache', () => {
  test('leaves the first fifth, at least two steps, and the last step alone', async () => {
    const range = (firstStep: number, steps: number) => {
      const { from, until } = createStepCache({ threshold: 0.1, firstStep, steps })
      return [from, until]
    }
    expect(range(0, 50)).toEqual([10, 49])
    expect(range(0, 8)).toEqual([2, 7])
    expect(range(20, 50)).toEqual([26, 49])
  })

  test('of a run of four steps may skip one', async () => {
    const cache = createStepCache({ threshold: 1, firstStep: 0, steps: 4 })
    expect((await play(cache, numbers([4, 3.9, 3.8, 3.7], [1, 1, 1, 1]))).skipped).toEqual([2])
  })

  test('does not write to latents or velocities', async () => {
    const run = numbers([10, 9, 8, 7], [2, 2, 2, 2])
    const copy = structuredClone(run)
    await play(always, run)
    expect(run).toEqual(copy)
  })

  test.each([-0.1, Number.NaN, Number.POSITIVE_INFINITY])('with threshold %s is refused', threshold => {
    expect(() => createStepCache({ threshold, firstStep: 0, steps: 4 })).toThrow(
      'step cache: expected a threshold from 0',
    )
  })
})
