/** Whole videos through the native backend and our own kernels: what they are, what stays on the device, what is left. */
import { beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { CancelledError } from '../../src/errors.ts'
import type { GenerateEvent } from '../../src/pipeline/events.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { chooseBackend, type NativeParts } from '../../src/runtime/choose-backend.ts'
import { builtKernels } from '../../src/runtime/kernel-library.ts'
import { NativeBackend, type NativeSession } from '../../src/runtime/native-backend.ts'
import { loadNativeBinding } from '../../src/runtime/native-binding.ts'
import { OnnxRuntimeBackend } from '../../src/runtime/onnxruntime-backend.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { framesOf, tinyRequest } from '../unit/engine/tiny-engine.ts'
import { buildKernels, noKernels } from './kernel-library.ts'
import { buildAddon, noAddon } from './native-addon.ts'

type CreateBackend = (lane: ConstructorParameters<typeof OnnxRuntimeBackend>[0]) => Backend

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

  /** Called when a run of a graph is under way. */
  onRun: (graph: string, run: Promise<unknown>) => void = () => {}

  override async open(...[model, options]: Parameters<NativeBackend['open']>): Promise<NativeSession> {
    if (Buffer.from(model.bytes).includes('QkNormRope')) this.withKernels.push(model.name)
    const session = await super.open(model, options)
    const run: NativeSession['run'] = (...given) => {
      const running = session.run(...given)
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
    await Promise.all([buildAddon(), noKernels ? undefined : buildKernels()])
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
      const reference = await make(model, lane => new OnnxRuntimeBackend(lane))
      expect(native.length).toBe(reference.length)
      // The same arithmetic in another order: a value may round to the next level.
      const furthest = native.reduce((most, level, at) => Math.max(most, Math.abs(level - reference[at]!)), 0)
      expect(furthest).toBeLessThanOrEqual(1)
      // Keys and values of the prompt, for every layer and both branches of guidance.
      expect(residents).toHaveLength(tinyRequest.steps)
      expect(Math.min(...residents)).toBeGreaterThanOrEqual(2 * 2 * 2)
      expect(loadNativeBinding().alive()).toEqual(before)
    },
  )

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
      await using backend = chooseBackend({ device, threads: 1 }, parts)
      return [backend.name, [...backend.kernels]]
    }
    const built = { file: '/nowhere.so', kernels: new Set(['some-kernel']) }
    expect(await chosen(gpu, { addon: true, kernels: built })).toEqual(['native', ['some-kernel']])
    expect(await chosen(gpu, { addon: true, kernels: undefined })).toEqual(['native', []])
    expect(await chosen(gpu, { addon: false, kernels: built })).toEqual(['onnxruntime-node', []])
    expect(await chosen(cpu, { addon: true, kernels: built })).toEqual(['onnxruntime-node', []])
  })
})
