/** Whole videos through the native backend and our own kernels: what they are, what stays on the device, what is left. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { openEngine } from '../../src/engine/open-engine.ts'
import { CancelledError } from '../../src/errors.ts'
import type { DenoiseState } from '../../src/pipeline/denoise-state.ts'
import type { GenerateEvent } from '../../src/pipeline/events.ts'
import type { GenerateRequest } from '../../src/pipeline/request.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { chooseBackend, isNative } from '../../src/runtime/choose-backend.ts'
import { NativeBackend, type NativeSession } from '../../src/runtime/native-backend.ts'
import { loadNativeBinding } from '../../src/runtime/native-binding.ts'
import { builtKernels, type NativeParts } from '../../src/runtime/native-parts.ts'
import { OnnxRuntimeBackend } from '../../src/runtime/onnxruntime-backend.ts'
import { isResident } from '../../src/tensor/resident.ts'
import { float32Data } from '../../src/tensor/tensor.ts'
import { relativeError } from '../compare.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { failure, scratchFolder } from '../scratch.ts'
import { brokenTensors, writeBrokenModel } from '../unit/engine/broken-model.ts'
import { collect, framesOf, tinyRequest } from '../unit/engine/tiny-engine.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const builtIn = path.resolve(import.meta.dirname, '../../models/doodle/checkpoint')
const folder = scratchFolder()
const clip = path.join(folder, 'clip')
const [start, end] = [path.join(clip, '0.png'), path.join(clip, '8.png')]

/** Nine pictures of a bar that moves to the right. */
async function writeClip(): Promise<void> {
  await mkdir(clip)
  for (let frame = 0; frame < 9; frame++) {
    const data = new Uint8Array(64 * 64 * 3).map((_, i) =>
      Math.floor(i / 3) % 64 < 8 + 4 * frame ? 200 : 30,
    )
    const raw = { width: 64, height: 64, channels: 3 } as const
    await sharp(data, { raw }).toFile(path.join(clip, `${frame}.png`))
  }
}

type Lane = ConstructorParameters<typeof OnnxRuntimeBackend>[0]
type CreateBackend = (lane: Lane) => Backend

async function make(
  model: string,
  createBackend: CreateBackend,
  onEvent: (event: GenerateEvent) => void = () => {},
  { signal, side = 64 }: { readonly signal?: AbortSignal; readonly side?: number } = {},
) {
  const options = { model: fixture(`${model}/model`), device: 'cpu', threads: 1 }
  const engine = await openEngine(options, { families, createBackend })
  const events: GenerateEvent[] = []
  const request = { ...tinyRequest, frames: 9, width: side, height: side }
  try {
    for await (const event of engine.generate(request, signal ? { signal } : {})) {
      onEvent(event)
      events.push(event)
    }
  } finally {
    await engine[Symbol.asyncDispose]()
  }
  return framesOf(events)
}

/** A native backend that notes which graphs came with a node of our own. */
class NotingBackend extends NativeBackend {
  readonly withKernels: string[] = []

  /** Of every run of a transformer: whether its latents were on the device, and its result stayed there. */
  readonly stays: boolean[] = []

  /** Called when a run of a graph is under way. */
  onRun: (graph: string, run: Promise<unknown>) => void = () => {}

  override async open(...[model, options]: Parameters<NativeBackend['open']>): Promise<NativeSession> {
    if (Buffer.from(model.bytes).includes('QkNormRope')) this.withKernels.push(model.name)
    const session = await super.open(model, options)
    const run: NativeSession['run'] = (...given) => {
      const running = session.run(...given)
      const [feeds, { keep } = {}] = given
      if (model.name === 'transformer') {
        this.stays.push(isResident(feeds.latents!) && keep?.('velocity') === true)
      }
      this.onRun(model.name, running)
      return running
    }
    return { ...session, run }
  }
}

const models = ['wan21-t2v', 'ltx-video'].filter(name => hasFixture(`${name}/model/model_index.json`))
/** The kernels where they can be built: without them a video is made of ONNX's own ops. */
const kernels = () => (noKernels ? undefined : builtKernels())
if (noKernels) console.warn(`videos are made without our own kernels: ${noKernels}`)

describe.skipIf(noAddon)(`a video on the native backend${noAddon ? ` (skipped: ${noAddon})` : ''}`, () => {
  beforeAll(async () => {
    await Promise.all([writeClip(), buildAddon(), noKernels ? undefined : buildKernels()])
  })

  test.each(models)(
    'of %s is the one of the default backend, and leaves nothing on the device',
    async model => {
      const before = loadNativeBinding().alive()
      const residents: number[] = []
      const counted = ({ type }: GenerateEvent) => {
        if (type === 'step-end') residents.push(loadNativeBinding().alive().tensors - before.tensors)
      }
      const backends: NotingBackend[] = []
      const createBackend: CreateBackend = lane => {
        const backend = new NotingBackend({ ...lane, kernels: kernels() })
        backends.push(backend)
        return backend
      }
      const native = await make(model, createBackend, counted)
      expect(backends.map(({ withKernels }) => withKernels)).toEqual([noKernels ? [] : ['transformer']])
      expect(backends[0]!.stays).toEqual(new Array(2 * tinyRequest.steps).fill(true))
      const reference = await make(model, lane => new OnnxRuntimeBackend(lane))
      expect(native.length).toBe(reference.length)
      // The same arithmetic in another order: a value may round to the next level.
      const furthest = native.reduce((most, level, at) => Math.max(most, Math.abs(level - reference[at]!)), 0)
      expect(furthest).toBeLessThanOrEqual(1)
      // The prompt's keys and values for both branches of guidance, and what the sampler remembers.
      expect(residents).toHaveLength(tinyRequest.steps)
      expect(Math.min(...residents)).toBeGreaterThanOrEqual(2 * 2 * 2)
      expect(loadNativeBinding().alive()).toEqual(before)
    },
  )

  test.each(brokenTensors)(
    'with no number in the weights of the %s is an error that names the tensor, and leaves nothing',
    async (...broken) => {
      const before = loadNativeBinding().alive()
      const model = path.join(folder, `broken-${broken[0]}`)
      const message = await writeBrokenModel(model, broken)
      const engine = await openEngine(
        { model, device: 'cpu', threads: 1 },
        { families, createBackend: lane => new NativeBackend(lane) },
      )
      const error = await failure(collect(engine.generate({ ...tinyRequest, steps: 2 })))
      await engine[Symbol.asyncDispose]()
      expect(error).toMatchObject({ code: 'checkpoint/tensors', message })
      expect(loadNativeBinding().alive()).toEqual(before)
    },
  )

  /** Ways to make a video that do more to the state of a run than the plain one. */
  const ways: Readonly<Record<string, Partial<GenerateRequest>>> = {
    'a step cache': { stepCache: 0.9, steps: 8 },
    'projected guidance, rescaled': { guidanceMethod: 'apg', guidanceRescale: 0.5 },
    'CFG-Zero*': { guidanceMethod: 'cfg-zero-star' },
    'DPM++': { sampler: 'dpm++2m' },
    'fresh noise in every step': { sampler: 'lcm' },
    'a first and a last frame': { image: start, lastImage: end },
    'a keyframe': { keyframes: [{ path: start, frame: 5 }] },
    'a clip to start from': { video: clip, strength: 0.6 },
  }
  const cases = Object.entries(ways).map(([name, way]) => ({ name, way, model: builtIn }))
  if (hasFixture('ltx-condition/model/model_index.json')) {
    const way = { keyframes: [{ path: start, frame: 0, strength: 0.7 }], imageNoiseScale: 0.15 }
    cases.push({ name: 'frames that are held', way, model: fixture('ltx-condition/model') })
  }

  /** On the default backend, by model; what a run leaves open there, the next one uses. */
  const hosts = new Map<string, Promise<Engine>>()
  afterAll(async () => {
    for (const host of hosts.values()) await (await host)[Symbol.asyncDispose]()
  })
  const open = (model: string, createBackend: CreateBackend) =>
    openEngine({ model, device: 'cpu', threads: 1 }, { families, createBackend })

  function hostOf(model: string): Promise<Engine> {
    const host = hosts.get(model) ?? open(model, lane => new OnnxRuntimeBackend(lane))
    hosts.set(model, host)
    return host
  }

  test.each(cases)('with $name ends in the latents of the host', async ({ way, model }) => {
    const latents = async (engine: Engine) => {
      const states: DenoiseState[] = []
      const request = { prompt: 'a red ball bounces', steps: 4, frames: 9, guidance: 3, seed: 5, ...way }
      for await (const event of engine.generate(request, { states: true, previewEvery: 2 })) {
        if (event.type === 'step-end') states.push(event.state!)
        if (event.type === 'video-end') return { states, end: event }
      }
      throw new Error('the run ended early')
    }
    const before = loadNativeBinding().alive()
    const engine = await open(model, lane => new NativeBackend(lane))
    const native = await latents(engine).finally(() => engine[Symbol.asyncDispose]())
    expect(loadNativeBinding().alive()).toEqual(before)
    const reference = await latents(await hostOf(model))
    expect(native.end.skippedSteps).toBe(reference.end.skippedSteps)
    for (const [step, state] of native.states.entries()) {
      expect(relativeError(latentsOf(state), latentsOf(reference.states[step]!))).toBeLessThan(1e-5)
    }
    expect(relativeError(float32Data(native.end.latents), float32Data(reference.end.latents))).toBeLessThan(
      1e-5,
    )
  })

  test('goes on from a state of the host, and a run there from its own', async () => {
    const run = async (engine: Engine, resume?: DenoiseState) => {
      const states: DenoiseState[] = []
      const request = { prompt: 'a blue square falls', steps: 5, frames: 9, seed: 6 }
      for await (const event of engine.generate(request, { states: true, ...(resume && { resume }) })) {
        if (event.type === 'step-end') states.push(event.state!)
      }
      return states
    }
    await using native = await open(builtIn, lane => new NativeBackend(lane))
    const whole = await run(native)
    // The same backend, from plain data: to the last bit.
    const resumed = await run(native, structuredClone(whole[1]!))
    expect(resumed.at(-1)).toEqual(whole.at(-1))
    const onHost = await run(await hostOf(builtIn), structuredClone(whole[1]!))
    expect(relativeError(latentsOf(onHost.at(-1)!), latentsOf(whole.at(-1)!))).toBeLessThan(1e-5)
  })

  test('ends in the middle of a step when it is aborted', async () => {
    const before = loadNativeBinding().alive()
    const abort = new AbortController()
    const ends: unknown[] = []
    const createBackend: CreateBackend = lane => {
      const backend = new NotingBackend({ ...lane, kernels: kernels() })
      backend.onRun = (graph, run) => {
        if (graph !== 'transformer') return
        run.then(
          () => ends.push('done'),
          error => ends.push(error),
        )
        abort.abort()
      }
      return backend
    }
    // Of a size at which a step takes long enough for the abort to come in its middle.
    const long = { signal: abort.signal, side: 256 }
    await expect(make(models[0]!, createBackend, undefined, long)).rejects.toThrow(CancelledError)
    expect(ends).toEqual([expect.any(CancelledError)])
    expect(loadNativeBinding().alive()).toEqual(before)
  })

  test('is chosen for a GPU where the addon was built, with the kernels where they were', async () => {
    const [gpu, cpu] = [{ type: 'cuda', index: 0 } as const, { type: 'cpu' } as const]
    const chosen = async (device: typeof gpu | typeof cpu, parts: NativeParts) => {
      await using backend = chooseBackend({ device, threads: 1 }, () => parts)
      expect(backend.residentsInPlace).toBe(device.type === 'cpu' || isNative(device, () => parts))
      return [backend.name, [...backend.kernels]]
    }
    const built = { file: '/nowhere.so', kernels: new Set(['some-kernel']) }
    expect(await chosen(gpu, { addon: true, kernels: built })).toEqual(['native', ['some-kernel']])
    expect(await chosen(gpu, { addon: true, kernels: undefined })).toEqual(['native', []])
    expect(await chosen(gpu, { addon: false, kernels: built })).toEqual(['onnxruntime-node', []])
    expect(await chosen(cpu, { addon: true, kernels: built })).toEqual(['onnxruntime-node', []])
  })
})

function latentsOf({ streams }: DenoiseState): Float32Array {
  return streams[0]!.latents
}
