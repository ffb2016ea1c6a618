/** The loop over two streams with a network of a few numbers, against the formulas written out. */
import { describe, expect, test } from 'vitest'
import { type DenoiseContext, denoiseSteps, denoiseStream } from '../../../src/pipeline/denoise.ts'
import { firstLatents, withoutExtra } from '../../../src/pipeline/denoise-stage.ts'
import { firstState } from '../../../src/pipeline/denoise-state.ts'
import type {
  Denoiser,
  Feed,
  KnownPositions,
  Model,
  ModelFacts,
  RunGraph,
  StreamConditioning,
} from '../../../src/pipeline/family.ts'
import type { GeneratePlan } from '../../../src/pipeline/request.ts'
import { guidancesOf, networkPass } from '../../../src/pipeline/velocity.ts'
import { createGuidance } from '../../../src/sampling/guidance.ts'
import { guidanceMethod } from '../../../src/sampling/guidance-method.ts'
import { euler } from '../../../src/sampling/samplers/euler.ts'
import { createUniPC } from '../../../src/sampling/samplers/unipc.ts'
import { scheduleOf } from '../../../src/sampling/schedules/noise-levels.ts'
import type { Schedule } from '../../../src/sampling/schedules/schedule.ts'
import { createStepCache } from '../../../src/sampling/step-cache.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { hostArrays } from '../../../src/tensor/state-arrays.ts'
import { float32Data, type Tensor, tensor } from '../../../src/tensor/tensor.ts'

const steps = 4
const videoShape = [2, 3, 2]
const audioShape = [1, 5]

/** Sigmas of each stream: the second one's fall faster. */
const schedules = [
  [1, 0.75, 0.5, 0.25],
  [1, 0.6, 0.3, 0.1],
].map(sigmas =>
  scheduleOf(
    sigmas,
    sigmas.map(sigma => sigma * 1000),
    1000,
  ),
) as [Schedule, Schedule]

/** LTX-2's four passes have this form: scales and rescale of each stream, in the space of denoised latents. */
const strengths = [
  { scale: 3, perturbed: 1.5, isolated: 0.5, rescale: 0.7 },
  { scale: 7, perturbed: 0.5, isolated: 2, rescale: 0.2 },
]

/** How much of its latents the network gives as their velocity, by pass. */
const shares = { conditional: 0.9, unconditional: 0.6, perturbed: 0.7, isolated: 0.8 }

const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Each stream sees the mean of the other, but in the isolated pass, and its first position's timestep. */
function network(
  own: Float32Array,
  other: Float32Array,
  pass: keyof typeof shares,
  timestep: number,
): Float32Array {
  const across = pass === 'isolated' ? 0 : mean(other)
  return own.map(value => shares[pass] * value + 0.1 * across + timestep / 10000)
}

/** Runs that the network was asked for: graph and pass. */
type Run = readonly [graph: string, pass: string]

function toy(known?: KnownPositions) {
  const runs: Run[] = []
  const run: RunGraph = async (graph, feeds) => {
    const numbers = (name: string) => float32Data(feeds[name] as Tensor)
    const pass = Object.keys(shares)[numbers('pass')[0]!] as keyof typeof shares
    runs.push([graph, pass])
    const [video, audio] = [numbers('video'), numbers('audio')]
    const velocity = (own: Float32Array, other: Float32Array, name: string) => {
      return tensor('f32', [own.length], network(own, other, pass, numbers(`${name}.timestep`)[0]!))
    }
    const tensors = {
      'video.velocity': velocity(video, audio, 'video'),
      'audio.velocity': velocity(audio, video, 'audio'),
    }
    return { tensors, residents: {} }
  }
  const code = (pass: keyof typeof shares): Record<string, Feed> => {
    return { pass: tensor('f32', [1], Float32Array.of(Object.keys(shares).indexOf(pass))) }
  }
  const denoiser: Denoiser = {
    streams: ['video', 'audio'].map((name, stream) => {
      return { input: name, output: `${name}.velocity`, shape: [videoShape, audioShape][stream]! }
    }),
    feeds: ({ positions: [video, audio] }) => ({
      'video.timestep': tensor('f32', [video!.length], video!),
      'audio.timestep': tensor('f32', [audio!.length], audio!),
    }),
    passes: {
      perturbed: { feeds: code('perturbed') },
      isolated: { feeds: code('isolated'), graphs: ['network-without-exchange'] },
    },
  }
  const model: Pick<Model, 'facts' | 'guide'> = {
    facts: {
      streams: ['video', 'audio'],
      experts: [{ graph: 'network', fromTimestep: 0 }],
    } as unknown as ModelFacts,
    guide(guidance, { stream }) {
      const { scale, rescale, ...passes } = strengths[stream]!
      return createGuidance({ ...guidance, scale, rescale, passes, space: 'denoised' })
    },
  }
  const streams: StreamConditioning[] = [
    { shape: videoShape, ...(known && { known }) },
    { shape: audioShape },
  ]
  const text = (pass: keyof typeof shares) => ({ feeds: [code(pass)], tokens: 1, truncated: false })
  const conditions = {
    conditional: text('conditional'),
    unconditional: text('unconditional'),
    visual: { feeds: [{}], streams },
  }
  return { model, denoiser, run, runs, conditions, streams }
}

const plan = {
  steps,
  stepCache: 0,
  guidance: [3],
  guidanceInterval: [0, 1],
  guidanceRescale: 0,
  guidanceMethod: guidanceMethod(),
  tensors: true,
} as unknown as GeneratePlan

async function denoise(
  { model, denoiser, run, conditions, streams }: ReturnType<typeof toy>,
  settings: Partial<DenoiseContext<Float32Array>> & { readonly stepCache?: number } = {},
) {
  const noise = createGenerator(3)
  const initial = streams.map(stream => firstLatents(stream, noise, 1))
  const denoised = streams.map((stream, index) => {
    return denoiseStream(hostArrays(denoiser.streams[index]!.shape), schedules[index]!, stream)
  })
  const { stepCache: threshold = 0 } = settings
  const context: DenoiseContext<Float32Array> = {
    ...{ facts: model.facts, plan, noise, streams: denoised, sampler: euler },
    experts: new Array(steps).fill(0),
    firstStep: 0,
    places: [networkPass(model, denoiser, conditions, run)],
    guidances: guidancesOf(model, plan),
    cache: threshold > 0 ? createStepCache({ threshold, firstStep: 0, steps }) : undefined,
    signal: new AbortController().signal,
    ...settings,
  }
  const events = []
  let state = firstState(0, initial, noise.position())
  for await (const step of denoiseSteps(context, state)) {
    state = step.state
    events.push(step.event)
  }
  const final = state.streams.map(({ latents }, stream) => denoised[stream]!.rule?.final(latents) ?? latents)
  return { initial, final, state, events }
}

const deviation = (values: Float32Array) => {
  const center = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1))
}

/** x0 = c + (scale − 1)(c − u) + … of one stream, rescaled, as a velocity. */
function guidedVelocity(
  latents: Float32Array,
  velocityOf: (pass: keyof typeof shares) => Float32Array,
  sigma: number,
  { scale, perturbed, isolated, rescale }: (typeof strengths)[number],
): Float32Array {
  const clean = (pass: keyof typeof shares) => {
    const velocity = velocityOf(pass)
    return latents.map((value, at) => value - sigma * velocity[at]!)
  }
  const [c, u, p, i] = [clean('conditional'), clean('unconditional'), clean('perturbed'), clean('isolated')]
  const sum = c.map((value, at) => {
    return value + (scale - 1) * (value - u[at]!) + perturbed * (value - p[at]!) + isolated * (value - i[at]!)
  })
  const factor = rescale * (deviation(c) / deviation(sum)) + 1 - rescale
  return latents.map((value, at) => (value - factor * sum[at]!) / sigma)
}

describe('two streams that are denoised together', () => {
  test('each follow their own sigmas and guidance, over four passes of one network', async () => {
    const setup = toy()
    const { initial, final, events } = await denoise(setup)
    let [video, audio] = initial as [Float32Array, Float32Array]
    for (let step = 0; step < steps; step++) {
      const next = (own: Float32Array, other: Float32Array, stream: 0 | 1) => {
        const { sigmas, timesteps } = schedules[stream]
        const velocityOf = (pass: keyof typeof shares) => network(own, other, pass, timesteps[step]!)
        const velocity = guidedVelocity(own, velocityOf, sigmas[step]!, strengths[stream]!)
        return own.map((value, at) => value + (sigmas[step + 1]! - sigmas[step]!) * velocity[at]!)
      }
      ;[video, audio] = [next(video, audio, 0), next(audio, video, 1)]
    }
    for (const [stream, expected] of [video, audio].entries()) {
      expect(final[stream]!.length).toBe(expected.length)
      for (const [at, value] of expected.entries()) expect(final[stream]![at]).toBeCloseTo(value, 4)
    }
    expect(setup.runs.slice(0, 4)).toEqual([
      ['network', 'conditional'],
      ['network', 'unconditional'],
      ['network', 'perturbed'],
      ['network-without-exchange', 'isolated'],
    ])
    expect(setup.runs).toHaveLength(4 * steps)
    expect(events[0]!.tensors!.latents.shape).toEqual(videoShape)
    expect(events[0]!.tensors!.others!.audio!.latents.shape).toEqual(audioShape)
    expect(events[0]!.guided).toBe(true)
  })

  test('share one step cache: a step is skipped for both or for none', async () => {
    const setup = toy()
    const { events, state } = await denoise(setup, { stepCache: 1000 })
    expect(events.map(({ skipped }) => skipped)).toEqual([false, false, true, false])
    expect(setup.runs).toHaveLength(3 * 4)
    expect(state.velocity.cache.computed!.latents.map(({ length }) => length)).toEqual([12, 5])
  })

  test('have histories of their own with a sampler that looks back', async () => {
    const { state } = await denoise(toy(), { sampler: createUniPC() })
    expect(state.streams.map(({ history }) => history.denoised.map(({ length }) => length))).toEqual([
      [12, 12],
      [5, 5],
    ])
  })
})

describe('known positions of a stream', () => {
  const latents = Float32Array.from({ length: 12 }, (_, at) => at / 10)
  const frame = (values: Float32Array, index: number) => {
    return [0, 1].flatMap(channel => [
      ...values.subarray((channel * 3 + index) * 2, (channel * 3 + index) * 2 + 2),
    ])
  }

  test('that are shown end up in the clip, and leave the other stream free', async () => {
    const shown = Float32Array.of(1, 0, 0)
    const known = { latents, shown, share: shown.map(value => 1 - value) }
    const { final } = await denoise(toy(known), { sampler: createUniPC() })
    expect(frame(final[0]!, 0)).toEqual(frame(latents, 0))
    expect(frame(final[0]!, 1)).not.toEqual(frame(latents, 1))
  })

  test('that are pulled in full stay what they are, and in part come nearer', async () => {
    const noise = createGenerator(3).randn(12)
    const start = noise.slice()
    for (const channel of [0, 1]) start.set(latents.subarray(channel * 6, channel * 6 + 2), channel * 6)
    const run = async (pull: Float32Array) => {
      const setup = toy({ latents, pull, share: pull.map(value => 1 - value) })
      const initial = { latents: start, noise: 'included' } as const
      const streams = [{ ...setup.streams[0]!, initial }, setup.streams[1]!]
      const visual = { ...setup.conditions.visual, streams }
      return (await denoise({ ...setup, streams, conditions: { ...setup.conditions, visual } })).final[0]!
    }
    const [free, half, full] = [
      await run(Float32Array.of(1, 0, 0)),
      await run(Float32Array.of(1, 0.5, 0)),
      await run(Float32Array.of(1, 1, 0)),
    ]
    for (const final of [free, half, full]) {
      for (const [at, value] of frame(final, 0).entries())
        expect(value).toBeCloseTo(frame(latents, 0)[at]!, 5)
    }
    const distance = (final: Float32Array) => {
      return frame(final, 1).reduce((sum, value, at) => sum + Math.abs(value - frame(latents, 1)[at]!), 0)
    }
    expect(distance(half)).toBeLessThan(distance(free))
    expect(distance(full)).toBeLessThan(1e-5)
  })

  test('with a limit are not stepped before the run has come down to it', async () => {
    const known = { latents, limit: Float32Array.of(1, 0.5, 0) }
    const setup = toy(known)
    const levels: number[][] = []
    const { feeds } = setup.denoiser
    const denoiser: Denoiser = {
      ...setup.denoiser,
      feeds: times => {
        levels.push([...times.positions[0]!])
        return feeds(times)
      },
    }
    const { initial, final, events } = await denoise({ ...setup, denoiser })
    expect(levels.filter((_, pass) => pass % 4 === 0)).toEqual([
      [1000, 500, 0],
      [750, 500, 0],
      [500, 500, 0],
      [250, 250, 0],
    ])
    const after = events.map(({ tensors }) => tensors!.latents.data as Float32Array)
    expect(frame(after[1]!, 1)).toEqual(frame(initial[0]!, 1))
    expect(frame(after[2]!, 1)).not.toEqual(frame(initial[0]!, 1))
    expect(frame(final[0]!, 2)).toEqual(frame(initial[0]!, 2))
  })

  test('can be single cells of a frame', async () => {
    const shown = new Float32Array(6)
    shown[3] = 1
    const { final } = await denoise(toy({ latents, shown }))
    for (const channel of [0, 1]) expect(final[0]![channel * 6 + 3]).toBe(latents[channel * 6 + 3])
    expect(final[0]![2]).not.toBe(latents[2])
  })
})

test('extra positions before and after the clip are cut off', () => {
  const latents = tensor('f32', [2, 4], Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7))
  const stream = { shape: [2, 4], extra: { before: 1, after: 2 } }
  expect([...(withoutExtra(latents, stream).data as Float32Array)]).toEqual([1, 5])
  expect(withoutExtra(latents, { shape: [2, 4] })).toBe(latents)
})

test('clean latents to begin from get the noise of the first step, others are taken as they are', () => {
  const clean = Float32Array.of(1, 2)
  const noise = createGenerator(1).randn(2)
  const begin = (kind: 'added' | 'included') => {
    const stream = { shape: [1, 2], initial: { latents: clean, noise: kind } }
    return firstLatents(stream, createGenerator(1), 0.25)
  }
  for (const [at, value] of begin('added').entries()) {
    expect(value).toBeCloseTo(0.75 * clean[at]! + 0.25 * noise[at]!, 6)
  }
  expect(begin('included')).toBe(clean)
})

test('a pass that the network does not have is an error, not the plain one', async () => {
  const setup = toy()
  const denoiser = { ...setup.denoiser, passes: {} }
  await expect(denoise({ ...setup, denoiser })).rejects.toThrow(
    'denoiser: expected the pass perturbed, got none.',
  )
})
