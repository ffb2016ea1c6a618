import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelledError, RequestError } from '../../../src/errors.ts'
import type { GenerateEvent } from '../../../src/pipeline/events.ts'
import { rejection } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, type TinyEngine, tinyRequest } from './tiny-engine.ts'

let tiny: TinyEngine
beforeAll(async () => {
  tiny = await openTinyEngine()
  await collect(tiny.engine.generate(tinyRequest))
})
afterAll(() => tiny[Symbol.asyncDispose]())

/** The one lane's backend, nothing recorded yet. */
function backend() {
  const [only] = tiny.backends
  only!.log.length = 0
  only!.residents.clear()
  only!.onRun = () => {}
  return only!
}

describe('the events of a video', () => {
  test('come in their order, numbered without a gap', async () => {
    const events = await collect(tiny.engine.generate({ ...tinyRequest, frames: 9, chunk: 1 }))
    const types = events.map(event => event.type)
    expect(types.slice(0, 6)).toEqual(['start', 'conditioning-ready', ...new Array(4).fill('step-end')])
    expect(types.slice(6)).toEqual([...new Array(3).fill('frames-decoded'), 'video-end'])
    const steps = events.filter(event => event.type === 'step-end')
    expect(steps.map(({ step, of }) => [step, of])).toEqual([
      [1, 4],
      [2, 4],
      [3, 4],
      [4, 4],
    ])
    expect(steps.at(-1)!.sigma).toBe(0)
    const frames = events.filter(event => event.type === 'frames-decoded')
    expect(frames.map(({ first, count, of }) => [first, count, of])).toEqual([
      [0, 1, 9],
      [1, 4, 9],
      [5, 4, 9],
    ])
    for (const { frames: pixels, count } of frames) expect(pixels).toHaveLength(count * 16 * 16 * 3)
  })

  test('begin with the plan, every default filled in, and end with it', async () => {
    const events = await collect(tiny.engine.generate(tinyRequest))
    const [start, end] = [events[0]!, events.at(-1)!]
    if (start.type !== 'start' || end.type !== 'video-end') throw new Error('unexpected events')
    expect(start).toMatchObject({ device: 'cpu', plan: { prompt: 'a cat', seed: 1n, fps: 16, frames: 5 } })
    expect(end.plan).toEqual(start.plan)
    expect(end.latents.shape).toEqual([16, 2, 2, 2])
  })

  test('say how long each stage took, and how much of that was inside runs', async () => {
    const end = (await collect(tiny.engine.generate(tinyRequest))).at(-1)
    if (end?.type !== 'video-end') throw new Error('expected the end')
    const { conditioning, denoising, decoding, total, running } = end.seconds
    expect(conditioning + denoising + decoding).toBeCloseTo(total, 6)
    expect(running).toBeGreaterThan(0)
    expect(running).toBeLessThan(total)
  })

  test('have tensors only where they are asked for', async () => {
    const without = await collect(tiny.engine.generate(tinyRequest))
    expect(without.some(event => 'tensors' in event)).toBe(false)
    const asked = await collect(tiny.engine.generate({ ...tinyRequest, tensors: true }))
    const kinds = asked.filter(event => 'tensors' in event).map(event => event.type)
    expect(new Set(kinds)).toEqual(new Set(['conditioning-ready', 'step-end', 'frames-decoded']))
  })
})

describe('a seed', () => {
  test('gives the same frames again, and another seed gives others', async () => {
    const make = async (seed: number) =>
      framesOf(await collect(tiny.engine.generate({ ...tinyRequest, seed })))
    const first = await make(5)
    expect(await make(5)).toEqual(first)
    expect(await make(6)).not.toEqual(first)
  })

  test('that is not given is chosen, and told', async () => {
    const { seed: _, ...unseeded } = tinyRequest
    const seeds = []
    for (let video = 0; video < 2; video++) {
      for await (const event of tiny.engine.generate(unseeded)) {
        if (event.type === 'start') seeds.push(event.plan.seed)
        break
      }
    }
    expect(seeds[0]).not.toBe(seeds[1])
    expect(seeds.every(seed => seed! >= 0n && seed! < 2n ** 32n)).toBe(true)
  })
})

describe('guidance', () => {
  test('of 1 runs the network once a step and encodes the prompt alone', async () => {
    const recorded = backend()
    const events = await collect(tiny.engine.generate({ ...tinyRequest, guidance: 1, tensors: true }))
    expect(recorded.runs('transformer')).toBe(4)
    expect(recorded.runs('text-encoder')).toBe(1)
    expect(events.some(event => event.type === 'step-end' && event.tensors?.unconditional)).toBe(false)
  })

  test('above 1 runs it twice a step', async () => {
    const recorded = backend()
    await collect(tiny.engine.generate(tinyRequest))
    expect(recorded.runs('transformer')).toBe(8)
    expect(recorded.runs('text-encoder')).toBe(2)
  })

  test('in a part of the steps runs it twice there only', async () => {
    const recorded = backend()
    await collect(tiny.engine.generate({ ...tinyRequest, guidanceInterval: [0, 0.5] }))
    expect(recorded.runs('transformer')).toBeGreaterThan(4)
    expect(recorded.runs('transformer')).toBeLessThan(8)
  })
})

describe('when the caller aborts', () => {
  test('between two steps, the next one does not run', async () => {
    const recorded = backend()
    const controller = new AbortController()
    const events = tiny.engine.generate(tinyRequest, { signal: controller.signal })
    const error = await rejection(
      (async () => {
        for await (const event of events)
          if (event.type === 'step-end' && event.step === 2) controller.abort('enough')
      })(),
    )
    expect(error).toBeInstanceOf(CancelledError)
    expect((error as CancelledError).cause).toBe('enough')
    expect(recorded.runs('transformer')).toBe(4)
    expect(recorded.runs('vae-decoder-first')).toBe(0)
    expect(recorded.residents.size).toBe(0)
  })

  test.each([
    ['text-encoder', 1, 'in the prompt'],
    ['text-encoder', 2, 'in the negative prompt'],
    ['context', 2, 'in the last part of the conditioning'],
    ['transformer', 1, 'in the first step'],
    ['transformer', 6, 'in the second branch of a step'],
    ['vae-decoder-first', 1, 'in the first frame'],
    ['vae-decoder-next', 1, 'in a later chunk'],
  ])(
    'inside run %2$d of %1$s (%3$s), nothing runs after it, and nothing stays on the device',
    async (graph, nth) => {
      const recorded = backend()
      const controller = new AbortController()
      recorded.onRun = name => {
        if (name === graph && recorded.runs(graph) === nth) controller.abort()
      }
      const request = { ...tinyRequest, frames: 13, chunk: 1 }
      const error = await rejection(collect(tiny.engine.generate(request, { signal: controller.signal })))
      expect(error).toBeInstanceOf(CancelledError)
      const runs = recorded.log.filter(entry => entry.startsWith('run '))
      expect(runs.slice(runs.lastIndexOf(`run ${graph}`) + 1)).toEqual([])
      expect(recorded.residents.size).toBe(0)
    },
  )

  test('before the start, nothing runs', async () => {
    const recorded = backend()
    const signal = AbortSignal.abort()
    expect(await rejection(collect(tiny.engine.generate(tinyRequest, { signal })))).toBeInstanceOf(
      CancelledError,
    )
    expect(recorded.log).toEqual([])
  })

  test('the engine makes the next video as if nothing had been', async () => {
    const expected = framesOf(await collect(tiny.engine.generate(tinyRequest)))
    const controller = new AbortController()
    backend().onRun = () => controller.abort()
    await rejection(collect(tiny.engine.generate(tinyRequest, { signal: controller.signal })))
    backend()
    expect(framesOf(await collect(tiny.engine.generate(tinyRequest)))).toEqual(expected)
  })
})

describe('when the caller stops iterating', () => {
  test.each<GenerateEvent['type']>([
    'start',
    'conditioning-ready',
    'step-end',
    'frames-decoded',
    'video-end',
  ])('after %s, nothing stays on the device and the lane is free', async last => {
    const recorded = backend()
    for await (const event of tiny.engine.generate({ ...tinyRequest, frames: 13, chunk: 1 })) {
      if (event.type === last) break
    }
    expect(recorded.residents.size).toBe(0)
    expect(await collect(tiny.engine.generate({ ...tinyRequest, steps: 1 }))).not.toHaveLength(0)
  })
})

describe('a request that the model cannot do', () => {
  test.each<[object, string, string]>([
    [{ width: 20 }, 'request/size', 'width: expected a multiple of 16 for this model, got 20. Use 16 or 32.'],
    [{ height: 8 }, 'request/size', 'height: expected a multiple of 16 for this model, got 8. Use 16.'],
    [{ frames: 6 }, 'request/size', 'frames: expected 4k + 1 for this model, got 6. Use 5 or 9.'],
    [{ steps: 0 }, 'request/invalid', 'steps: expected 1 to 1000, got 0.'],
  ])('%o ends before anything runs, and says what it can', async (wrong, code, message) => {
    const recorded = backend()
    const error = await rejection(collect(tiny.engine.generate({ ...tinyRequest, ...wrong })))
    expect(error).toBeInstanceOf(RequestError)
    expect(error).toMatchObject({ code, message })
    expect(recorded.log).toEqual([])
  })

  test('leaves the lane free', async () => {
    await rejection(collect(tiny.engine.generate({ ...tinyRequest, frames: 6 })))
    expect(await collect(tiny.engine.generate({ ...tinyRequest, steps: 1 }))).not.toHaveLength(0)
  })
})

describe('options', () => {
  test.each<[object, string]>([
    [{ lanes: 0 }, 'lanes: expected a whole number from 1 to 1024, got 0.'],
    [{ lanes: 1.5 }, 'lanes: expected a whole number from 1 to 1024, got 1.5.'],
    [{ threads: -1 }, 'threads: expected a whole number from 1 to 1024, got -1.'],
    [
      { device: 'tpu' },
      'device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got tpu. Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.',
    ],
    [
      { device: 'cuda:x' },
      'device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got cuda:x. Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.',
    ],
  ])('%o are refused', async (wrong, message) => {
    expect(await rejection(openTinyEngine(wrong))).toMatchObject({ code: 'request/invalid', message })
  })

  test.each(['bf16', 'f16'] as const)('a CPU does not compute in %s, and says so', async precision => {
    expect(await rejection(openTinyEngine({ precision }))).toMatchObject({
      code: 'request/unsupported',
      message: `precision: expected f32, int8 or fp8 on a CPU, got ${precision}. Weights stored in 16 bits are computed in f32 there.`,
    })
  })

  test('f32 is what a CPU computes in', async () => {
    await using own = await openTinyEngine({ precision: 'f32' })
    expect(own.engine.device).toBe('cpu')
    expect(own.engine.facts).toMatchObject({ textTokens: 512, modes: expect.arrayContaining(['text']) })
  })
})
