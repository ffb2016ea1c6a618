/** What every family holds to, whichever model it runs. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hunyuan15 } from '../../models/hunyuan15/family.ts'
import { families } from '../../models/index.ts'
import { ltx } from '../../models/ltx/family.ts'
import { ltx2 } from '../../models/ltx2/family.ts'
import { requestFields } from '../../src/api/request-fields.ts'
import { openCheckpoint } from '../../src/engine/checkpoint.ts'
import type { EngineOptions } from '../../src/engine/engine.ts'
import { graphSource } from '../../src/engine/graph-source.ts'
import { openEngine } from '../../src/engine/open-engine.ts'
import { sizesOf } from '../../src/graph/live-memory.ts'
import { memoize } from '../../src/memoize.ts'
import { dryRunDenoising } from '../../src/pipeline/dry-run.ts'
import type { GenerateEvent } from '../../src/pipeline/events.ts'
import { type GenerateRequest, planRequest } from '../../src/pipeline/request.ts'
import type { Device } from '../../src/runtime/device.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { failure, rejection, scratchFolder } from '../scratch.ts'
import { writeSyntheticCheckpoint } from '../synthetic-checkpoint.ts'
import { RecordedBackend } from '../unit/engine/recorded-backend.ts'
import { collect, framesOf } from '../unit/engine/tiny-engine.ts'
import { hunyuan15Configs } from './hunyuan15-configs.ts'
import { ltxConfigs } from './ltx-configs.ts'
import { ltx2Configs } from './ltx2-configs.ts'

const small = { prompt: 'a cat', guidance: 3, steps: 3, maxTextTokens: 16, seed: 1 } satisfies GenerateRequest
const scratch = keepSessionsOf(scratchFolder())

type Residency = NonNullable<EngineOptions['residency']>

interface Case {
  readonly family: string
  readonly model: () => Promise<string>
  readonly request: GenerateRequest & {
    readonly width: number
    readonly height: number
    readonly frames: number
  }
  /** Prompts for which some attention has a bias. @default all */
  readonly biased?: RegExp
}

const cases: readonly Case[] = [
  {
    family: 'wan',
    model: async () => fixture('wan21-t2v/model'),
    request: { ...small, width: 16, height: 16, frames: 9 },
  },
  {
    family: 'ltx',
    model: async () => {
      const folder = join(scratch, 'ltx')
      const tokenizer = fixture('wan21-t2v/model/tokenizer')
      await writeSyntheticCheckpoint(folder, { family: ltx, tokenizer, ...ltxConfigs })
      return folder
    },
    request: { ...small, width: 32, height: 32, frames: 17 },
  },
  {
    family: 'ltx2',
    model: async () => {
      const folder = join(scratch, 'ltx2')
      const tokenizer = fixture('wan21-t2v/model/tokenizer')
      await writeSyntheticCheckpoint(folder, { family: ltx2, tokenizer, ...ltx2Configs })
      return folder
    },
    request: { ...small, width: 32, height: 32, frames: 17 },
  },
  {
    family: 'hunyuan15',
    model: async () => {
      const folder = join(scratch, 'hunyuan15')
      const tokenizer = fixture('seeded/qwen-tokenizer')
      await writeSyntheticCheckpoint(folder, { family: hunyuan15, tokenizer, ...hunyuan15Configs })
      return folder
    },
    request: { ...small, prompt: 'a sign "cat"', width: 32, height: 32, frames: 9 },
    biased: /"/,
  },
]

test('every family is held to it', () => {
  expect(cases.map(({ family }) => family)).toEqual(families.map(({ name }) => name))
})

async function open(model: string, options: Pick<EngineOptions, 'residency'> = {}) {
  const backends: RecordedBackend[] = []
  const engine = await openEngine(
    { model, device: 'cpu', threads: 1, ...options },
    {
      families,
      createBackend: lane => {
        const backend = new RecordedBackend(lane)
        backends.push(backend)
        return backend
      },
    },
  )
  return { engine, backends }
}

describe.each(cases)('a model of the family $family', ({ family, model, request, biased: quoted = /^/ }) => {
  const folder = model()
  const opened = folder.then(open)

  test('is read as one', async () => {
    expect((await opened).engine.facts.family).toBe(family)
  })

  test.each(['width', 'height', 'frames'] as const)(
    'refuses another %s with the nearest that it makes, which it does make',
    async axis => {
      const { engine } = await opened
      const wrong = collect(engine.generate({ ...request, [axis]: request[axis] + 1 }))
      const { code, message } = await failure(wrong)
      expect(code).toBe('request/size')
      const [, below, above] = /Use (\d+) or (\d+)\.$/.exec(message) ?? []
      expect(Number(below)).toBe(request[axis])
      for await (const event of engine.generate({ ...request, [axis]: Number(above), steps: 1 })) {
        if (event.type === 'start') expect(event.plan[axis]).toBe(Number(above))
        if (event.type === 'step-end') break
      }
    },
  )

  test('makes the same video for the same seed, and another for another', async () => {
    const { engine } = await opened
    const videoOf = async (seed: number) => framesOf(await collect(engine.generate({ ...request, seed })))
    const first = await videoOf(1)
    expect((await videoOf(1)).equals(first)).toBe(true)
    expect((await videoOf(2)).equals(first)).toBe(false)
  })

  test('gives its frames in order, all of them, at the size asked for', async () => {
    const { engine } = await opened
    const events = await collect(engine.generate({ ...request, chunk: 1 }))
    let next = 0
    for (const event of events) {
      if (event.type !== 'frames-decoded') continue
      const { first, count, of, width, height, frames } = event
      expect([first, of, width, height]).toEqual([next, request.frames, request.width, request.height])
      expect(frames).toHaveLength(count * width * height * 3)
      next += count
    }
    expect(next).toBe(request.frames)
    expect(events.map(({ type }) => type).filter(type => type !== 'frames-decoded')).toEqual([
      'start',
      'conditioning-ready',
      'step-end',
      'step-end',
      'step-end',
      'video-end',
    ])
  })

  test('stops within a step when it is told to, and leaves nothing on the device', async () => {
    const { engine, backends } = await opened
    const controller = new AbortController()
    const seen: GenerateEvent['type'][] = []
    const run = async () => {
      for await (const event of engine.generate({ ...request, steps: 50 }, { signal: controller.signal })) {
        seen.push(event.type)
        if (event.type === 'step-end') controller.abort()
      }
    }
    expect(await failure(run())).toMatchObject({ code: 'cancelled' })
    expect(seen.filter(type => type === 'step-end')).toHaveLength(1)
    expect(backends[0]!.residents.size).toBe(0)
  })

  const graphsOn = memoize(async (type: Device['type']) => {
    const checkpoint = await openCheckpoint(await folder, families)
    const device: Device = type === 'cpu' ? { type } : { type, index: 0 }
    return { checkpoint, source: graphSource(checkpoint, { device, requested: undefined }) }
  })

  /** The number of keys of every attention with a bias up to the first step. */
  async function biasedKeys(type: Device['type'], { prompt, length }: { prompt: string; length: number }) {
    const { checkpoint, source } = await graphsOn(type)
    const plan = planRequest({ ...request, prompt, maxTextTokens: length }, checkpoint.model.facts, {
      fields: requestFields,
      randomSeed: () => 0n,
    })
    const keys: number[] = []
    for (const run of await dryRunDenoising(checkpoint.model, plan, source, 1)) {
      const graph = await source.graph(run.graph)
      const sizes = sizesOf(graph, run.symbols)
      for (const { op, inputs } of graph.nodes) {
        if (op === 'MultiHeadAttention' && inputs[5]) keys.push(sizes.shape(inputs[5]).at(-1)!)
      }
    }
    return keys
  }

  // ONNX Runtime’s memory-efficient kernel refuses other numbers.
  test.each([
    ['a', 16],
    ['a cat', 16],
    ['a cat runs', 16],
    ['a sign "cat" and "dog"', 16],
    ['a cat runs over the snow and into the woods', 12],
    ['a cat runs over the snow and into the woods', 13],
  ])(
    'gives attention with a bias as many keys as there are on a CPU, and a multiple of 8 on a GPU, for the prompt %j of at most %d',
    async (prompt, length) => {
      const onCpu = await biasedKeys('cpu', { prompt, length })
      const onGpu = await biasedKeys('cuda', { prompt, length })
      expect(onGpu).toEqual(onCpu.map(keys => Math.ceil(keys / 8) * 8))
      expect(onCpu.some(keys => keys % 8 !== 0)).toBe(quoted.test(prompt))
    },
  )

  const logs = new Map<Residency, ReturnType<typeof runToFirstStep>>()

  /** The use of a device up to the first step, with a negative prompt that says the same; one run for each residency. */
  function logToFirstStep(residency: Residency) {
    const log = logs.get(residency) ?? runToFirstStep(residency)
    logs.set(residency, log)
    return log
  }

  async function runToFirstStep(residency: Residency) {
    // The tests before are done with theirs: its sessions are taken over.
    await (await opened).engine[Symbol.asyncDispose]()
    const { engine, backends } = await open(await folder, { residency })
    for await (const { type } of engine.generate({ ...request, negativePrompt: request.prompt, steps: 1 })) {
      if (type === 'step-end') break
    }
    await engine[Symbol.asyncDispose]()
    const { model: read } = await openCheckpoint(await folder, families)
    const [{ log }] = backends as [RecordedBackend]
    return { read, log, step: log.indexOf(`run ${read.facts.experts[0].graph}`) }
  }

  test('lets every encoder of text and pictures go before the first step where that is asked for', async () => {
    const { read, log, step } = await logToFirstStep('release-text')
    const encoders = read.graphs.filter(({ role }) => role === 'text-encoder').map(({ name }) => name)
    const opened = encoders.filter(name => log.includes(`open ${name}`))
    expect(opened.length).toBeGreaterThan(0)
    for (const name of opened) {
      expect(log.indexOf(`release ${name}`)).toBeGreaterThan(log.indexOf(`run ${name}`))
      expect(log.lastIndexOf(`release ${name}`)).toBeLessThan(step)
    }
  })

  test.each(['release', 'release-text'] as const)(
    'loads no component of text twice for a prompt and its negative one, with residency %s',
    async residency => {
      const { log, step } = await logToFirstStep(residency)
      const opened = log.slice(0, step).filter(entry => entry.startsWith('open '))
      expect(opened.length).toBeGreaterThan(1)
      expect(opened).toEqual([...new Set(opened)])
    },
  )

  test('frees its sessions when it is disposed of', async () => {
    const { engine, backends } = await open(await folder)
    await collect(engine.generate({ ...request, steps: 1 }))
    await engine[Symbol.asyncDispose]()
    const [backend] = backends
    const named = (what: string) =>
      backend!.log.filter(entry => entry.startsWith(what)).map(entry => entry.slice(what.length))
    expect(named('release ').sort()).toEqual(named('open ').sort())
    expect(backend!.residents.size).toBe(0)
    expect(backend!.disposed).toBe(true)
    expect(await rejection(collect(engine.generate(request)))).toBeInstanceOf(Error)
  })
})
