import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import type { EngineOptions } from '../../../src/engine/engine.ts'
import { openEngine } from '../../../src/engine/open-engine.ts'
import { planMemory } from '../../../src/engine/plan-memory.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import type { GraphModel, Session } from '../../../src/runtime/backend.ts'
import { openError, runError } from '../../../src/runtime/session-failure.ts'
import { largestDifference } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { rejection } from '../../scratch.ts'
import { RecordedBackend } from './recorded-backend.ts'
import { collect, framesOf, tinyRequest } from './tiny-engine.ts'

/** What ONNX Runtime says, word for word. */
const arenaError =
  "Non-zero status code returned while running Conv node. Name:'a' Status Message: /onnxruntime/core/framework/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 9556377600\n"

/** A real backend on which there is no memory for some uses of some graphs, as ONNX Runtime reports it. */
class CrampedBackend extends RecordedBackend {
  /** Whether there is memory to load, or to run, a graph for the nth time. */
  fits: (what: 'open' | 'run', graph: string, nth: number) => boolean = () => true

  override async open(model: GraphModel): Promise<Session> {
    if (!this.fits('open', model.name, this.#count(`open ${model.name}`) + 1)) {
      this.log.push(`open ${model.name}`)
      throw openError(model.name, this.device, new Error('std::bad_alloc'))
    }
    const session = await super.open(model)
    return {
      ...session,
      run: async (feeds, options) => {
        if (this.fits('run', model.name, this.runs(model.name) + 1)) return await session.run(feeds, options)
        this.log.push(`run ${model.name}`)
        throw runError(model.name, new Error(arenaError))
      },
    }
  }

  #count(entry: string): number {
    return this.log.filter(each => each === entry).length
  }
}

/** Wide enough for tiles, long enough for several chunks. */
const request = { ...tinyRequest, width: 224, height: 32, frames: 13, steps: 2 }

/** What memory is planned for. */
const large = { ...request, height: 192 }

async function makeVideo(
  fits: CrampedBackend['fits'],
  options: Partial<EngineOptions> = {},
  made: GenerateRequest = request,
) {
  const backends: CrampedBackend[] = []
  await using engine = await openEngine(
    { model: fixture('wan21-t2v/model'), device: 'cpu', threads: 1, ...options },
    {
      families,
      createBackend: lane => {
        const backend = new CrampedBackend(lane)
        backend.fits = fits
        backends.push(backend)
        return backend
      },
    },
  )
  const failed: { error?: unknown } = {}
  const events = await collect(engine.generate(made)).catch(error => {
    failed.error = error
    return []
  })
  const [backend] = backends
  return { ...failed, events, frames: framesOf(events), backend: backend! }
}

const plenty = makeVideo(() => true)

function plansOf(events: Awaited<typeof plenty>['events']) {
  return events.flatMap(event => (event.type === 'memory-plan' ? [event.memory] : []))
}

describe('a run that finds no memory', () => {
  test.each<[string, 'open' | 'run', string, number]>([
    ['to load the transformer', 'open', 'transformer', 1],
    ['for a step', 'run', 'transformer', 3],
    ['for the second prompt', 'run', 'text-encoder', 2],
    ['to load the decoder', 'open', 'vae-decoder-next', 1],
    ['for a chunk of frames', 'run', 'vae-decoder-next', 1],
  ])('%s lets go of what it does not need, and gives the same video', async (_, what, graph, nth) => {
    const expected = await plenty
    const { events, frames, backend, error } = await makeVideo((did, name, count) => {
      return did !== what || name !== graph || count !== nth
    })
    expect(error).toBeUndefined()
    expect(frames.equals(expected.frames)).toBe(true)
    expect(plansOf(events)).toEqual([{ residency: 'release-text', chunk: 4, tile: undefined }])
    // Steps that were done are not done again.
    const steps = events.filter(({ type }) => type === 'step-end')
    expect(steps).toHaveLength(2)
    expect(backend.runs('transformer')).toBe(4 + (what === 'run' && graph === 'transformer' ? 1 : 0))
    expect(backend.residents.size).toBe(0)
  })

  test('for a chunk however alone it is decodes fewer frames at a time, none of them twice', async () => {
    const expected = await plenty
    // The second chunk of four latent frames: none fits until one is decoded at a time.
    const sizes: number[] = []
    const { events, frames, error } = await makeVideo((what, name) => {
      if (what !== 'run' || name !== 'vae-decoder-next') return true
      sizes.push(0)
      return sizes.length > 3
    })
    expect(error).toBeUndefined()
    expect(frames.equals(expected.frames)).toBe(true)
    expect(plansOf(events).at(-1)).toMatchObject({ residency: 'release' })
    expect(plansOf(events).at(-1)!.chunk).toBeLessThan(4)
    const given = events.flatMap(event =>
      event.type === 'frames-decoded' ? [[event.first, event.count]] : [],
    )
    expect(given.reduce((next, [first, count]) => (first === next ? next + count! : Number.NaN), 0)).toBe(13)
  })

  test('for whole pictures decodes in tiles, from the latents that there are', async () => {
    const expected = await plenty
    const { events, frames, error, backend } = await makeVideo((what, name) => {
      return what !== 'run' || !name.startsWith('vae-decoder-first')
    })
    expect(error).toBeUndefined()
    expect(plansOf(events).at(-1)).toEqual({ residency: 'release', chunk: 1, tile: 24 })
    expect(backend.runs('transformer')).toBe(4)
    expect(frames).toHaveLength(expected.frames.length)
    expect(largestDifference(frames, expected.frames)).toBeLessThanOrEqual(3)
  })

  test('under no plan ends with what ran out', async () => {
    const { error, backend } = await makeVideo((what, name) => what !== 'run' || name !== 'transformer')
    expect(error).toMatchObject({
      code: 'runtime/memory',
      message:
        'transformer: expected enough memory, got no room for 9557 MB more. Make fewer frames or a smaller size, or free memory.',
    })
    expect(backend.runs('transformer')).toBe(2)
    expect(backend.residents.size).toBe(0)
  })

  test('but fails for another reason is not tried again', async () => {
    const backends: RecordedBackend[] = []
    await using engine = await openEngine(
      { model: fixture('wan21-t2v/model'), device: 'cpu', threads: 1 },
      {
        families,
        createBackend: lane => {
          const backend = new RecordedBackend(lane)
          backend.onRun = graph => {
            if (graph === 'transformer') throw new TypeError('defect')
          }
          backends.push(backend)
          return backend
        },
      },
    )
    expect(await rejection(collect(engine.generate(request)))).toBeInstanceOf(TypeError)
    expect(backends[0]!.runs('transformer')).toBe(1)
  })
})

describe('admission', () => {
  test('refuses what surely does not fit before anything is loaded', async () => {
    const { error, backend } = await makeVideo(() => true, { memory: 30e6 }, large)
    expect(error).toMatchObject({ code: 'runtime/memory' })
    expect((error as Error).message).toMatch(
      /^request: expected about 0\.\d GiB of free memory, got 0\.0 GiB\. Make fewer frames/,
    )
    expect(backend.log).toEqual([])
  })

  test('chooses a smaller plan for less memory', async () => {
    const starts = async (memory: number, residency: Pick<EngineOptions, 'residency'> = {}) => {
      const options = { model: fixture('wan21-t2v/model'), device: 'cpu', threads: 1, memory, ...residency }
      await using engine = await openEngine(options, {
        families,
        createBackend: lane => new RecordedBackend(lane),
      })
      for await (const event of engine.generate(large)) if (event.type === 'start') return event.memory
      return undefined
    }
    expect(await starts(8e9)).toEqual({ residency: 'keep', chunk: 4, tile: undefined })
    expect(await starts(8e9, { residency: 'release' })).toEqual({
      residency: 'release',
      chunk: 4,
      tile: undefined,
    })
    const { plans } = await planMemory(
      { model: fixture('wan21-t2v/model'), device: 'cpu', size: '224x192', frames: 13 },
      families,
    )
    const slowest = plans.find(({ plan }) => plan.chunk === 1 && plan.tile === undefined)!
    expect(await starts(slowest.bytes)).toEqual(slowest.plan)
  })
})
