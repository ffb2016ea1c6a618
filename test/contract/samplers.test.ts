import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { emptyHistory, type History, type Sampler } from '../../src/sampling/samplers/sampler.ts'
import { stepTokens } from '../../src/sampling/samplers/step-tokens.ts'
import { createScheduler, type Scheduler } from '../../src/sampling/scheduler.ts'
import type { Schedule } from '../../src/sampling/schedules/schedule.ts'
import { hostArithmetic } from '../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { readSchedulerConfig } from '../../src/weights/scheduler-config.ts'
import { relativeError } from '../compare.ts'

/** What any sampler must do, whatever its formulas: every config whose options change the formulas runs all of it. */
const configs: Readonly<Record<string, object>> = {
  unipc: solver('UniPCMultistepScheduler'),
  'unipc, order 1': solver('UniPCMultistepScheduler', { solver_order: 1 }),
  'unipc, order 3': solver('UniPCMultistepScheduler', { solver_order: 3 }),
  'unipc, bh1': solver('UniPCMultistepScheduler', { solver_type: 'bh1' }),
  'unipc, full order to the end': solver('UniPCMultistepScheduler', { lower_order_final: false }),
  'unipc, first step not corrected': solver('UniPCMultistepScheduler', { disable_corrector: [0] }),
  'dpm++': solver('DPMSolverMultistepScheduler'),
  'dpm++, order 1': solver('DPMSolverMultistepScheduler', { solver_order: 1 }),
  'dpm++, order 3': solver('DPMSolverMultistepScheduler', { solver_order: 3 }),
  'dpm++, heun': solver('DPMSolverMultistepScheduler', { solver_type: 'heun' }),
  euler: { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 },
  lcm: { _class_name: 'FlowMatchLCMScheduler', shift: 3 },
}

function solver(name: string, options: object = {}): object {
  return {
    _class_name: name,
    prediction_type: 'flow_prediction',
    use_flow_sigmas: true,
    flow_shift: 3,
    ...options,
  }
}

const size = 600
const start = createGenerator(1).randn(size)
const data = createGenerator(2).randn(size)

/** A network: the velocity at latents of a noise level. */
type Velocity = (latents: Float32Array, sigma: number) => Float32Array

/** All noise ends in one picture: the paths are straight and the velocity along each is constant. */
const towardsData: Velocity = (latents, sigma) => latents.map((value, i) => (value - data[i]!) / sigma)

const deviation = 0.5

/** Data drawn from N(1, deviation²), for which the velocity and its paths are known in closed form. */
const towardsNormal: Velocity = (latents, sigma) => {
  const signal = 1 - sigma
  const slope = (sigma - signal * deviation ** 2) / spread(sigma) ** 2
  return latents.map(value => slope * (value - signal) - 1)
}

function spread(sigma: number): number {
  return Math.hypot((1 - sigma) * deviation, sigma)
}

/** Where the path of `towardsNormal` through latents at one level ends at level 0. */
function endOfPath(latents: Float32Array, sigma: number): Float32Array {
  return latents.map(value => 1 + (deviation / spread(sigma)) * (value - (1 - sigma)))
}

interface Point {
  readonly latents: Float32Array
  readonly history: History
}

/** One step with noise that depends on the step alone, so that a resumed run meets the same. */
function stepAt(sampler: Sampler, schedule: Schedule, point: Point, step: number, velocity: Velocity): Point {
  return sampler.step(hostArithmetic, {
    ...point,
    velocity: velocity(point.latents, schedule.sigmas[step]!),
    step,
    schedule,
    ...(sampler.stochastic && { noise: createGenerator(step).randn(size) }),
  })
}

/** All points of a run, from the given one before `first` on. */
function run(
  { sampler }: Scheduler,
  schedule: Schedule,
  velocity: Velocity,
  first = 0,
  from?: Point,
): Point[] {
  const points: Point[] = [from ?? { latents: start, history: emptyHistory }]
  for (let step = first; step < schedule.timesteps.length; step++) {
    points.push(stepAt(sampler, schedule, points.at(-1)!, step, velocity))
  }
  return points
}

describe.each(Object.entries(configs))('%s', (_, config) => {
  const scheduler = createScheduler(readSchedulerConfig(config))
  const { sampler } = scheduler

  test.each([1, 2, 3, 5, 20])('reaches the data exactly in %i steps where paths are straight', steps => {
    const points = run(scheduler, scheduler.schedule({ steps }), towardsData)
    expect(relativeError(points.at(-1)!.latents, data)).toBeLessThan(1e-5)
  })

  test.skipIf(sampler.stochastic)('stays on a straight path at every level', () => {
    const schedule = scheduler.schedule({ steps: 12 })
    const [first] = schedule.sigmas
    for (const [i, { latents }] of run(scheduler, schedule, towardsData).entries()) {
      const share = schedule.sigmas[i]! / first!
      const expected = start.map((value, k) => data[k]! + share * (value - data[k]!))
      expect(relativeError(latents, expected)).toBeLessThan(1e-5)
    }
  })

  test.skipIf(sampler.stochastic)('errs less with more steps, as its order says', () => {
    const [coarse, fine] = [10, 40].map(steps => {
      const schedule = scheduler.schedule({ steps })
      const points = run(scheduler, schedule, towardsNormal)
      return relativeError(points.at(-1)!.latents, endOfPath(start, schedule.sigmas[0]!))
    })
    expect(fine! / coarse!).toBeLessThan(sampler.order === 1 ? 0.3 : 0.12)
  })

  test.each([1, 2, 4, 17])('ends at level 0 with finite values after %i steps', steps => {
    const schedule = scheduler.schedule({ steps })
    const points = run(scheduler, schedule, towardsNormal)
    expect(schedule.sigmas[points.length - 1]).toBe(0)
    expect(points.every(({ latents }) => latents.every(Number.isFinite))).toBe(true)
  })

  test('gives the same for the same', () => {
    const schedule = scheduler.schedule({ steps: 6 })
    expect(run(scheduler, schedule, towardsNormal)).toEqual(run(scheduler, schedule, towardsNormal))
  })

  test('writes to none of its inputs and returns latents of its own', () => {
    const schedule = scheduler.schedule({ steps: 5 })
    const points = run(scheduler, schedule, towardsNormal)
    for (let step = 0; step < 5; step++) {
      const { latents, history } = points[step]!
      const state = {
        latents,
        history,
        velocity: towardsNormal(latents, schedule.sigmas[step]!),
        step,
        schedule,
        noise: createGenerator(step).randn(size),
      }
      const before = structuredClone(state)
      const result = sampler.step(hostArithmetic, state)
      expect(state).toEqual(before)
      expect(result.latents).not.toBe(latents)
      expect(result.latents).not.toBe(state.velocity)
    }
  })

  test('goes on from a stored point of a run as if it had not stopped', () => {
    const schedule = scheduler.schedule({ steps: 7 })
    const whole = run(scheduler, schedule, towardsNormal)
    for (let step = 1; step < 7; step++) {
      const stored = serialize({ schedule, ...whole[step]! })
      const { schedule: same, ...point } = deserialize(stored) as Point & { schedule: Schedule }
      expect(run(scheduler, same, towardsNormal, step, point).at(-1)).toEqual(whole.at(-1))
    }
  })

  test('begins inside of a schedule with an empty history', () => {
    const schedule = scheduler.schedule({ steps: 8 })
    const points = run(scheduler, schedule, towardsData, 4)
    expect(relativeError(points.at(-1)!.latents, data)).toBeLessThan(1e-5)
  })

  test('keeps no more of a run than its order needs', () => {
    const points = run(scheduler, scheduler.schedule({ steps: 9 }), towardsNormal)
    for (const { history } of points) expect(history.denoised.length).toBeLessThanOrEqual(sampler.order)
  })

  test('refuses a step outside of the schedule, and arrays that do not fit', () => {
    const schedule = scheduler.schedule({ steps: 3 })
    const state = { latents: start, velocity: data, step: 0, schedule, history: emptyHistory, noise: data }
    for (const step of [-1, 3, 0.5, Number.NaN]) {
      expect(() => sampler.step(hostArithmetic, { ...state, step })).toThrow(
        `step: expected 0 to 2, got ${step}.`,
      )
    }
    expect(() => sampler.step(hostArithmetic, { ...state, velocity: data.subarray(1) })).toThrow(
      'terms: expected 600 values each, got 599.',
    )
    if (!sampler.stochastic) return
    const { noise, ...withoutNoise } = state
    expect(() => sampler.step(hostArithmetic, withoutNoise)).toThrow(
      `noise: expected values for the sampler ${sampler.name}, got none.`,
    )
    expect(() => sampler.step(hostArithmetic, { ...withoutNoise, noise: noise.subarray(2) })).toThrow(
      'got 598.',
    )
  })

  test('steps tokens apart or says that it cannot', () => {
    const schedule = scheduler.schedule({ steps: 3 })
    const timesteps = new Float32Array(size / 4).fill(schedule.timesteps[1]!)
    const state = { latents: start, velocity: data, schedule }
    const stepped = () => stepTokens(sampler, { ...state, timesteps })
    if (sampler.name === 'euler') {
      const whole = sampler.step(hostArithmetic, { ...state, step: 1, history: emptyHistory })
      expect(stepped()).toEqual(whole.latents)
    } else {
      expect(stepped).toThrow(expect.objectContaining({ code: 'request/unsupported' }))
    }
  })
})
