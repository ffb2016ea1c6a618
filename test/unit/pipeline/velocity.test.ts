import { beforeEach, expect, test } from 'vitest'
import { CancelledError } from '../../../src/errors.ts'
import type { TextConditioning } from '../../../src/pipeline/family.ts'
import type { PassInput } from '../../../src/pipeline/network-pass.ts'
import { hostValues } from '../../../src/pipeline/run-values.ts'
import {
  emptyVelocityState,
  type VelocityRecipe,
  type VelocityState,
  velocityOf,
} from '../../../src/pipeline/velocity.ts'
import { createGuidance } from '../../../src/sampling/guidance.ts'
import { type GuidanceMethodName, guidanceMethod } from '../../../src/sampling/guidance-method.ts'
import { float32Data, type Tensor, tensor } from '../../../src/tensor/tensor.ts'

const prompt: TextConditioning = { feeds: [], tokens: 1, truncated: false }
const negative: TextConditioning = { feeds: [], tokens: 1, truncated: false }
const steps = 10

/** Every pass of the network, as "<expert> <branch>". */
let passes: string[] = []
beforeEach(() => {
  passes = []
})

/** A network of one number that moves slowly: half its latents with the prompt, a quarter without. */
async function denoise({ latents, expert, text }: PassInput): Promise<Tensor> {
  passes.push(`${expert} ${text === prompt ? 'conditional' : 'unconditional'}`)
  const values = float32Data(latents as Tensor)
  return tensor(
    'f32',
    [1],
    values.map(value => value * (text === prompt ? 0.5 : 0.25)),
  )
}

function recipe(options: {
  method?: GuidanceMethodName
  interval?: [number, number]
  cached?: boolean
}): VelocityRecipe {
  const { method = 'cfg', interval = [0, 1], cached = false } = options
  return {
    denoise,
    conditions: { conditional: prompt, unconditional: negative, visual: { feeds: [], leadingFrames: 0 } },
    guidances: [3, 2].map(scale => createGuidance({ scale, interval, method: guidanceMethod(method) })),
    cache: cached ? { threshold: 10, from: 0, until: 9 } : undefined,
    signal: new AbortController().signal,
  }
}

/** Latents 10, 9, 8, … through steps, each by the expert given for it. */
async function velocities(of: VelocityRecipe, experts: readonly number[]) {
  const found = []
  let state: VelocityState = emptyVelocityState
  for (const [step, expert] of experts.entries()) {
    const input = { latents: Float32Array.of(10 - step), timesteps: Float32Array.of(1), expert }
    const result = await velocityOf(hostValues([1]), of, input, { step, steps }, state)
    state = structuredClone(result.state)
    found.push(result)
  }
  return found
}

const skippedOf = (found: readonly { skipped: boolean }[]) =>
  found.flatMap(({ skipped }, step) => (skipped ? step : []))

test('without a cache the network runs in every step, the conditional branch first', async () => {
  const found = await velocities(recipe({}), [0, 0])
  expect(passes).toEqual(['0 conditional', '0 unconditional', '0 conditional', '0 unconditional'])
  // 2.5 + 3 · (5 − 2.5)
  expect([...found[0]!.velocity]).toEqual([10])
  expect(skippedOf(found)).toEqual([])
})

test('with a cache both branches are reused, and guided anew', async () => {
  const found = await velocities(recipe({ cached: true }), [0, 0, 0])
  expect(skippedOf(found)).toEqual([2])
  expect(passes.length).toBe(4)
  const { conditional, unconditional, velocity } = found[2]!
  // 8 + (4.5 − 9) and 8 + (2.25 − 9)
  expect([conditional, unconditional]).toEqual([Float32Array.of(3.5), Float32Array.of(1.25)])
  expect([...velocity]).toEqual([1.25 + 3 * 2.25])
})

test('another expert reuses nothing of the one before', async () => {
  const found = await velocities(recipe({ cached: true }), [0, 0, 0, 1, 1, 1])
  expect(skippedOf(found)).toEqual([2, 5])
  expect(passes.slice(4)).toEqual(['1 conditional', '1 unconditional', '1 conditional', '1 unconditional'])
})

test('the step in which guidance sets in is computed', async () => {
  const found = await velocities(recipe({ cached: true, interval: [0.4, 1] }), [0, 0, 0, 0, 0, 0])
  expect(skippedOf(found)).toEqual([2, 3, 5])
  expect(found.map(({ unconditional }) => unconditional !== undefined)).toEqual([
    false,
    false,
    false,
    false,
    true,
    true,
  ])
})

test('outside of the interval there is no unconditional branch', async () => {
  const found = await velocities(recipe({ interval: [0.1, 0.2] }), [0, 0, 0])
  expect(passes).toEqual(['0 conditional', '0 conditional', '0 unconditional', '0 conditional'])
  expect(found[0]!.velocity).toEqual(found[0]!.conditional)
})

test('a step that starts at zero does not run the network', async () => {
  const found = await velocities(recipe({ method: 'cfg-zero-star' }), [0, 0])
  expect(skippedOf(found)).toEqual([0])
  expect([...found[0]!.velocity]).toEqual([0])
  expect(passes).toEqual(['0 conditional', '0 unconditional'])
})

test('the momentum of projected guidance goes from step to step, also through skipped ones', async () => {
  const found = await velocities(recipe({ method: 'apg', cached: true }), [0, 0, 0])
  expect(skippedOf(found)).toEqual([2])
  // Differences 2.5, 2.25, 2.25, each less half the sum before.
  expect(found.map(({ state }) => state.guidance.average![0])).toEqual([2.5, 1, 1.75])
})

test('the second branch does not run once the signal has aborted', async () => {
  const controller = new AbortController()
  const aborting = async (input: PassInput) => {
    controller.abort()
    return await denoise(input)
  }
  const stopped = velocities({ ...recipe({}), denoise: aborting, signal: controller.signal }, [0])
  await expect(stopped).rejects.toThrow(CancelledError)
  expect(passes).toEqual(['0 conditional'])
})
