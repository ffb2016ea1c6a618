import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, GenerateRequest, StepEndEvent, VideoEndEvent } from '../../../src/index.ts'
import { relativeError } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { openKeptEngine } from '../../kept-engine.ts'

let engine: Engine
beforeAll(async () => {
  engine = await openKeptEngine({ model: fixture('wan21-t2v/model') })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
})

async function make(
  fields: Partial<GenerateRequest>,
): Promise<{ steps: StepEndEvent[]; end: VideoEndEvent }> {
  const steps: StepEndEvent[] = []
  const request = {
    prompt: 'a red ball',
    negativePrompt: 'blurry',
    width: 48,
    height: 32,
    frames: 5,
    steps: 8,
    guidance: 5,
    sampler: 'euler',
    maxTextTokens: 16,
    seed: 1,
    tensors: true,
  } as const
  for await (const event of engine.generate({ ...request, ...fields })) {
    if (event.type === 'step-end') steps.push(event)
    if (event.type === 'video-end') return { steps, end: event }
  }
  throw new Error('the run ended without a video-end event')
}

const numbersOf = (steps: readonly StepEndEvent[]) =>
  steps.filter(({ skipped }) => skipped).map(({ step }) => step)
const data = (tensor: { data: unknown } | undefined) => tensor!.data as Float32Array

describe('the step cache', () => {
  test('skips steps between the first and the last, says which, and counts them', async () => {
    const { steps, end } = await make({ stepCache: 1 })
    const skipped = numbersOf(steps)
    expect(skipped).toContain(3)
    for (const computed of [1, 2, 8]) expect(skipped).not.toContain(computed)
    expect(end.skippedSteps).toBe(skipped.length)
  })

  test('a lower threshold skips fewer steps and stays nearer to the whole run', async () => {
    const steps = 20
    const whole = await make({ steps })
    const near = await make({ steps, stepCache: 0.5 })
    const far = await make({ steps, stepCache: 1 })
    expect(near.end.skippedSteps).toBeGreaterThan(0)
    expect(near.end.skippedSteps).toBeLessThan(far.end.skippedSteps)
    const distance = ({ end }: typeof near) => relativeError(data(end.latents), data(whole.end.latents))
    expect(distance(near)).toBeLessThan(distance(far))
  })

  test('gives a skipped step the update of the last computed one, in both branches', async () => {
    const { steps } = await make({ stepCache: 1 })
    const [, second, third] = steps.map(({ tensors }) => tensors!)
    const seenBySecond = data(steps[0]!.tensors!.latents)
    for (const branch of ['conditional', 'unconditional'] as const) {
      const expected = data(second!.latents).map(
        (value, i) => value + data(second![branch])[i]! - seenBySecond[i]!,
      )
      expect(relativeError(data(third![branch]), expected)).toBeLessThan(1e-6)
    }
  })

  test('is off unless asked for, and with threshold 0', async () => {
    const [plain, zero] = [await make({}), await make({ stepCache: 0 })]
    expect(plain.end.skippedSteps).toBe(0)
    expect(zero.end.skippedSteps).toBe(0)
    expect(zero.end.latents).toEqual(plain.end.latents)
  })
})

describe('guidance', () => {
  test('outside of its interval is reported as absent', async () => {
    const { steps, end } = await make({ guidanceInterval: [0.25, 0.5] })
    expect(steps.filter(({ guided }) => guided).map(({ step }) => step)).toEqual([3, 4])
    expect(end.skippedSteps).toBe(0)
    expect(end.unguidedSteps).toBe(6)
    expect((await make({ guidanceInterval: [0.25, 0.5], guidance: 1 })).end.unguidedSteps).toBe(0)
  })

  test('by CFG-Zero* leaves the latents as they are in its first steps', async () => {
    const { steps, end } = await make({ guidanceMethod: 'cfg-zero-star', zeroInitSteps: 2 })
    expect(numbersOf(steps)).toEqual([1, 2])
    expect(end.skippedSteps).toBe(2)
    expect(end.plan.guidanceMethod).toEqual({ name: 'cfg-zero-star', zeroInitSteps: 2 })
    const [first, second, third] = steps.map(({ tensors }) => data(tensors!.latents))
    expect(second).toEqual(first)
    expect(third).not.toEqual(second)
  })

  test('by projection with everything kept is classifier-free guidance', async () => {
    const plain = await make({})
    const kept = await make({ guidanceMethod: 'apg', apgEta: 1, apgMomentum: 0 })
    const projected = await make({ guidanceMethod: 'apg' })
    const distance = ({ end }: typeof kept) => relativeError(data(end.latents), data(plain.end.latents))
    expect(distance(kept)).toBeLessThan(1e-5)
    expect(distance(projected)).toBeGreaterThan(1e-2)
  })

  test.each<[Partial<GenerateRequest>, string]>([
    [{ apgEta: 0 }, 'apgEta: expected the guidance method apg with it, got cfg.'],
    [
      { guidanceMethod: 'apg', zeroInitSteps: 1 },
      'zeroInitSteps: expected the guidance method cfg-zero-star',
    ],
    [{ guidanceMethod: 'apg', apgMomentum: 1 }, 'apgMomentum: '],
    [{ stepCache: -1 }, 'stepCache: '],
    [{ guidanceMethod: 'none' as 'cfg' }, 'guidanceMethod: '],
  ])('%j is refused', async (fields, message) => {
    await expect(make(fields)).rejects.toThrow(message)
  })
})
