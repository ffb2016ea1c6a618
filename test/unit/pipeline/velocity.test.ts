import { beforeEach, expect, test } from 'vitest'
import { CancelledError } from '../../../src/errors.ts'
import { emptyVelocityState, type VelocityState } from '../../../src/pipeline/denoise-state.ts'
import { type NetworkPass, type VelocityContext, velocityOf } from '../../../src/pipeline/velocity.ts'
import { createGuidance } from '../../../src/sampling/guidance.ts'
import { type GuidanceMethodName, guidanceMethod } from '../../../src/sampling/guidance-method.ts'
import { hostArrays } from '../../../src/tensor/state-arrays.ts'
import { float32Data, type Tensor, tensor } from '../../../src/tensor/tensor.ts'

const steps = 10

/** Every pass of the network, as "<expert> <branch>". */
let passes: string[] = []
beforeEach(() => {
  passes = []
})

/** A network of one number that moves slowly: half its latents with the prompt, a quarter without. */
const denoise: NetworkPass = async ({ latents, expert }, pass = 'conditional') => {
  passes.push(`${expert} ${pass}`)
  const share = { conditional: 0.5, unconditional: 0.25, perturbed: 0.125 }[pass]!
  return latents.map(feed => {
    const values = float32Data(feed as Tensor)
    return tensor(
      'f32',
      [1],
      values.map(value => value * share),
    )
  })
}

type Recipe = VelocityContext<Float32Array>

function recipe(options: {
  method?: GuidanceMethodName
  interval?: [number, number]
  cached?: boolean
}): Recipe {
  const { method = 'cfg', interval = [0, 1], cached = false } = options
  return {
    streams: [{ arrays: hostArrays([1]) }],
    places: [denoise],
    plan: { steps },
    guidances: [3, 2].map(scale => [
      createGuidance({
        scale,
        interval,
        method: guidanceMethod(method, method === 'apg' ? { apgMomentum: -0.5 } : {}),
      }),
    ]),
    cache: cached ? { threshold: 10, from: 0, until: 9 } : undefined,
    signal: new AbortController().signal,
  }
}

/** Latents 10, 9, 8, … through steps, each by the expert given for it. */
async function velocities(of: Recipe, experts: readonly number[]) {
  const found = []
  let state: VelocityState = emptyVelocityState
  for (const [step, expert] of experts.entries()) {
    const times = { timesteps: [1], next: [0], positions: [Float32Array.of(1)] }
    const input = { latents: [Float32Array.of(10 - step)], sigmas: [1], times, expert, step }
    const result = await velocityOf(of, input, state)
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
  expect([...found[0]!.velocity[0]!]).toEqual([10])
  expect(skippedOf(found)).toEqual([])
})

test('with a cache both branches are reused, and guided anew', async () => {
  const found = await velocities(recipe({ cached: true }), [0, 0, 0])
  expect(skippedOf(found)).toEqual([2])
  expect(passes.length).toBe(4)
  const { velocity } = found[2]!
  // 8 + (4.5 − 9) and 8 + (2.25 − 9)
  expect(found[2]!.passes).toEqual({
    conditional: [Float32Array.of(3.5)],
    unconditional: [Float32Array.of(1.25)],
  })
  expect([...velocity[0]!]).toEqual([1.25 + 3 * 2.25])
})

test('another expert reuses nothing of the one before', async () => {
  const found = await velocities(recipe({ cached: true }), [0, 0, 0, 1, 1, 1])
  expect(skippedOf(found)).toEqual([2, 5])
  expect(passes.slice(4)).toEqual(['1 conditional', '1 unconditional', '1 conditional', '1 unconditional'])
})

test('the step in which guidance sets in is computed', async () => {
  const found = await velocities(recipe({ cached: true, interval: [0.4, 1] }), [0, 0, 0, 0, 0, 0])
  expect(skippedOf(found)).toEqual([2, 3, 5])
  expect(found.map(each => each.passes.unconditional !== undefined)).toEqual([
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
  expect(found[0]!.velocity).toEqual(found[0]!.passes.conditional)
})

test('a step that starts at zero does not run the network', async () => {
  const found = await velocities(recipe({ method: 'cfg-zero-star' }), [0, 0])
  expect(skippedOf(found)).toEqual([0])
  expect([...found[0]!.velocity[0]!]).toEqual([0])
  expect(passes).toEqual(['0 conditional', '0 unconditional'])
})

test('the momentum of projected guidance goes from step to step, also through skipped ones', async () => {
  const method = { name: 'apg', eta: 0, normThreshold: 0, momentum: -0.5 } as const
  const guidances = [[createGuidance({ scale: 3, method })]]
  const found = await velocities({ ...recipe({ cached: true }), guidances }, [0, 0, 0])
  expect(skippedOf(found)).toEqual([2])
  // Differences 2.5, 2.25, 2.25, each less half the sum before.
  expect(found.map(({ state }) => state.guidance[0]!.average![0])).toEqual([2.5, 1, 1.75])
})

test('the second branch does not run once the signal has aborted', async () => {
  const controller = new AbortController()
  const aborting: NetworkPass = async (input, pass) => {
    controller.abort()
    return await denoise(input, pass)
  }
  const stopped = velocities({ ...recipe({}), places: [aborting], signal: controller.signal }, [0])
  await expect(stopped).rejects.toThrow(CancelledError)
  expect(passes).toEqual(['0 conditional'])
})

test('a third pass runs last, and adds its weight times the difference to the conditional one', async () => {
  const guidance = createGuidance({ scale: 3, passes: { perturbed: 2, isolated: 0 } })
  const found = await velocities({ ...recipe({ cached: true }), guidances: [[guidance]] }, [0, 0, 0])
  expect(passes.slice(0, 3)).toEqual(['0 conditional', '0 unconditional', '0 perturbed'])
  // 10 + 2 · (5 − 1.25)
  expect([...found[0]!.velocity[0]!]).toEqual([17.5])
  expect(skippedOf(found)).toEqual([2])
  expect(found[2]!.passes.perturbed).toEqual([Float32Array.of(8 + (1.125 - 9))])
})

test('with a second place to run at, passes run two at a time', async () => {
  const places: string[] = []
  const at =
    (place: string): NetworkPass =>
    async (input, pass) => {
      const result = await denoise(input, pass)
      places.push(`${passes.at(-1)} ${place}`)
      return result
    }
  const guidance = createGuidance({ scale: 3, passes: { perturbed: 2 } })
  const both = { places: [at('first'), at('second')], guidances: [[guidance]] }
  const [found] = await velocities({ ...recipe({}), ...both }, [0])
  expect(passes).toEqual(['0 conditional', '0 unconditional', '0 perturbed'])
  expect(places.map(each => each.split(' ').at(-1))).toEqual(['first', 'second', 'first'])
  expect([...found!.velocity[0]!]).toEqual([17.5])
})
