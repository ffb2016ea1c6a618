import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackendError, CancelledError } from '../../src/errors.ts'
import { castOnce } from '../../src/graph/cast-once.ts'
import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { GraphModel } from '../../src/runtime/backend.ts'
import { NativeBackend, type NativeSession } from '../../src/runtime/native-backend.ts'
import { loadNativeBinding } from '../../src/runtime/native-binding.ts'
import type { NativeOptions } from '../../src/runtime/native-config.ts'
import { fromBfloat16Bits, toBfloat16Bits } from '../../src/tensor/float16.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { backendContract } from '../contract/backend-suite.ts'
import {
  buildAddon,
  compiler,
  graphModel,
  longRunningFeeds,
  longRunningModel,
  noAddon,
  vector,
} from '../contract/native-addon.ts'

const plusOne = graphModel('plus one', graph => graph.output('y', add(graph.input('x', 'f32', ['n']), 1)))
const doubled = graphModel('doubled', graph => graph.output('z', multiply(graph.input('y', 'f32', ['n']), 2)))

test('the native backend says how to build its addon when it is not there', () => {
  expect(() => loadNativeBinding('/nowhere/framewright_native.node')).toThrow(BackendError)
  expect(() => loadNativeBinding('/nowhere/framewright_native.node')).toThrow(/npm run build:native/)
})

describe.skipIf(noAddon)(`the native backend${noAddon ? ` (skipped: ${noAddon})` : ''}`, () => {
  let backend: NativeBackend
  let folder: string

  beforeAll(async () => {
    await buildAddon()
    backend = new NativeBackend({ device: { type: 'cpu' }, threads: 0 })
    folder = mkdtempSync(path.join(tmpdir(), 'framewright-native-'))
  })
  afterAll(async () => {
    await backend?.[Symbol.asyncDispose]()
    if (folder) rmSync(folder, { recursive: true })
  })

  /** A backend of its own for one test. */
  async function withBackend<T>(options: Partial<NativeOptions>, body: (own: NativeBackend) => Promise<T>) {
    const own = new NativeBackend({ device: { type: 'cpu' }, threads: 1, ...options })
    try {
      return await body(own)
    } finally {
      await own[Symbol.asyncDispose]()
    }
  }

  backendContract(() => new NativeBackend({ device: { type: 'cpu' }, threads: 1 }))

  test('takes and gives bfloat16, which onnxruntime-node refuses', async () => {
    const model = graphModel('halves', graph => {
      const wide = cast(graph.input('x', 'bf16', ['n']), 'f32')
      graph.output('y', cast(multiply(wide, 0.5), 'bf16'))
    })
    const session = await backend.open(model)
    const x = tensor('bf16', [3], Uint16Array.from([1, -2.5, 96], toBfloat16Bits))
    const { tensors } = await session.run({ x })
    expect(tensors.y!.dtype).toBe('bf16')
    expect([...(tensors.y!.data as Uint16Array)].map(fromBfloat16Bits)).toEqual([0.5, -1.25, 48])
    await session.release()
  })

  test('gives buffers that can be transferred to another thread', async () => {
    const session = await backend.open(plusOne)
    const { tensors } = await session.run({ x: vector(1, 2) })
    const buffer = tensors.y!.data.buffer as ArrayBuffer
    expect(new Float32Array(structuredClone(buffer, { transfer: [buffer] }))).toEqual(Float32Array.of(2, 3))
    await session.release()
  })

  test('feeds a kept result to another session, also after its own was released', async () => {
    const before = loadNativeBinding().alive()
    const [first, second] = [await backend.open(plusOne), await backend.open(doubled)]
    const { tensors, residents } = await first.run({ x: vector(1, 2) }, { keep: () => true })
    expect(tensors).toEqual({})
    expect(residents.y).toMatchObject({ kind: 'resident', dtype: 'f32', shape: [2] })
    await first.release()
    expect((await second.run({ y: residents.y! })).tensors.z).toEqual(vector(4, 6))
    await backend.drop([residents.y!])
    await expect(second.run({ y: residents.y! })).rejects.toThrow(/was dropped/)
    await second.release()
    expect(loadNativeBinding().alive()).toEqual(before)
  })

  test('shares a weight between sessions in place of their own', async () => {
    const scaled = graphModel('scaled', graph => {
      const weight = graph.constant(vector(1, 1))
      graph.output('y', multiply(graph.input('x', 'f32', [2]), weight))
    })
    const source = await backend.open(plusOne)
    const { residents } = await source.run({ x: vector(9, 19) }, { keep: () => true })
    const weight = residents.y!
    const sessions = [0, 1].map(() => backend.open(scaled, { initializers: { constant: weight } }))
    const [first, second] = (await Promise.all(sessions)) as [NativeSession, NativeSession]
    await backend.drop([weight])
    await first.release()
    expect((await second.run({ x: vector(1, 2) })).tensors.y).toEqual(vector(10, 40))
    await Promise.all([source.release(), second.release()])
  })

  test('casts weights when a graph is opened, and frees them when it is released', async () => {
    const file = path.join(folder, 'weights')
    const side = 64
    const numbers = Float32Array.from({ length: 2 * side * side }, (_, index) => Math.sin(index) / 8)
    writeFileSync(file, numbers)
    const graph = new Graph('halves', { precision: 'f16' })
    const bytes = 4 * side * side
    let y = cast(graph.input('x', 'f32', ['n', side]), 'f16')
    for (const index of [0, 1]) {
      const weight = { dtype: 'f32', shape: [side, side], file, offset: index * bytes, bytes } as const
      y = matmulTransposed(y, cast(graph.weight(`w${index}`, weight), 'f16'))
    }
    graph.output('y', cast(y, 'f32'))
    const modelOf = (each: Graph): GraphModel => {
      const model = serialize(each, { locate: name => name.slice(1) })
      return { name: each.name, bytes: model, weightsFolder: '/', weightBytes: 2 * bytes }
    }
    const split = castOnce(graph, { leaveBytes: 0, groupBytes: bytes })!
    expect(split.casts).toHaveLength(2)
    const model = {
      ...modelOf(graph),
      castOnce: { bytes: modelOf(split.graph).bytes, casts: split.casts.map(modelOf) },
    }
    const before = loadNativeBinding().alive()
    const [plain, cut] = [await backend.open(modelOf(graph)), await backend.open(model)]
    expect(loadNativeBinding().alive()).toEqual({
      sessions: before.sessions + 2,
      tensors: before.tensors + 2,
    })
    const x = tensor('f32', [3, side], numbers.slice(0, 3 * side))
    const expected = (await plain.run({ x })).tensors
    expect(expected.y!.data.some(value => Math.abs(Number(value)) > 0.1)).toBe(true)
    for (let round = 0; round < 2; round++) expect((await cut.run({ x })).tensors).toEqual(expected)
    await Promise.all([plain.release(), cut.release()])
    expect(loadNativeBinding().alive()).toEqual(before)
  })

  test('leaves the event loop free while a graph runs', async () => {
    const session = await backend.open(longRunningModel(100))
    let [ticks, lastMs, longestMs] = [0, performance.now(), 0]
    const timer = setInterval(() => {
      const nowMs = performance.now()
      longestMs = Math.max(longestMs, nowMs - lastMs)
      lastMs = nowMs
      ticks++
    }, 5)
    const startMs = performance.now()
    const { tensors } = await session.run(longRunningFeeds())
    const durationMs = performance.now() - startMs
    clearInterval(timer)
    console.info(
      `${ticks} ticks of 5 ms in a run of ${durationMs.toFixed()} ms, longest gap ${longestMs.toFixed(1)} ms`,
    )
    expect(tensors.y!.data.at(-1)).toBeCloseTo(1, 4)
    expect(ticks).toBeGreaterThan(durationMs / 5 / 4)
    await session.release()
  })

  test('ends a run within 50 ms of an abort, and the session runs on', async () => {
    const session = await backend.open(longRunningModel(400))
    const latencies: number[] = []
    for (let round = 0; round < 7; round++) {
      const abort = new AbortController()
      const run = session.run(longRunningFeeds(), { signal: abort.signal })
      run.catch(() => undefined)
      await delay(60 + 5 * round)
      const askedMs = performance.now()
      abort.abort(new Error('enough'))
      await expect(run).rejects.toThrow(CancelledError)
      latencies.push(performance.now() - askedMs)
    }
    latencies.sort((a, b) => a - b)
    console.info(`ms from abort to rejection: ${latencies.map(ms => ms.toFixed(1)).join(', ')}`)
    expect(latencies[3]).toBeLessThan(50)
    expect((await session.run(longRunningFeeds())).tensors.y!.data[0]).toBeCloseTo(1, 4)
    await session.release()
  })

  test('answers an abort of a queued run before its turn comes', async () => {
    const session = await backend.open(longRunningModel(200))
    const [running, queued] = [new AbortController(), new AbortController()]
    const settled: string[] = []
    const first = session
      .run(longRunningFeeds(), { signal: running.signal })
      .catch(() => settled.push('running'))
    const second = session
      .run(longRunningFeeds(), { signal: queued.signal })
      .catch(() => settled.push('queued'))
    await delay(20)
    queued.abort()
    await second
    expect(settled).toEqual(['queued'])
    running.abort()
    await first
    await expect(session.run(longRunningFeeds(), { signal: running.signal })).rejects.toThrow(CancelledError)
    await session.release()
  })

  test('passes on what ONNX Runtime says of a graph, a run, an option and a library', async () => {
    const broken = { ...plusOne, bytes: new Uint8Array(8) }
    await expect(backend.open(broken)).rejects.toThrow(
      /^plus one: expected a graph that loads, got .*protobuf/,
    )
    const session = await backend.open(plusOne)
    const square = tensor('f32', [1, 1], new Float32Array(1))
    await expect(session.run({ x: square })).rejects.toThrow(/Invalid rank for input: x/)
    const short: Tensor = { dtype: 'f32', shape: [8], data: new Float32Array(2) }
    await expect(session.run({ x: short })).rejects.toThrow(/expected a run without error, got /)
    await expect(session.run({ x: vector(1) }, { fetch: ['none'] })).rejects.toThrow(/none/)
    await expect(backend.open(plusOne, { config: { '': '1' } })).rejects.toThrow(/[Kk]ey/)
    await withBackend({ libraries: ['/nowhere/operators.so'] }, async own => {
      await expect(own.open(plusOne)).rejects.toThrow(/nowhere\/operators\.so/)
    })
    await session.release()
  })

  test('refuses CUDA with what ONNX Runtime says where its provider is missing', async () => {
    await withBackend({ device: { type: 'cuda', index: 0 } }, async own => {
      const failure = await own.open(plusOne).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(BackendError)
      expect(failure).toMatchObject({ code: 'runtime/provider' })
      expect(String(failure)).toMatch(/cuda/i)
    })
  })

  test('hands every session to the libraries of custom operators', async () => {
    const [source, library] = [path.join(folder, 'operators.cc'), path.join(folder, 'operators.so')]
    writeFileSync(source, refusingLibrary)
    execFileSync(compiler, ['-shared', '-fPIC', '-o', library, source])
    await withBackend({ libraries: [library] }, async own => {
      await expect(own.open(plusOne)).rejects.toThrow(/the library was asked for its operators/)
    })
  })

  test('takes config entries of a run', async () => {
    const session = await backend.open(plusOne)
    const config = { 'memory.enable_memory_arena_shrinkage': 'cpu:0' }
    const { tensors } = await session.run({ x: vector(1) }, { config })
    expect([...tensors.y!.data]).toEqual([2])
    await session.release()
  })

  test('runs what was asked for before it is disposed of, and frees everything', async () => {
    const before = loadNativeBinding().alive()
    const own = new NativeBackend({ device: { type: 'cpu' }, threads: 1 })
    const session = await own.open(plusOne)
    const run = session.run({ x: vector(1) })
    const kept = session.run({ x: vector(1) }, { keep: () => true })
    const late = own.open(plusOne)
    await Promise.all([own[Symbol.asyncDispose](), own[Symbol.asyncDispose]()])
    expect((await run).tensors.y).toEqual(vector(2))
    await Promise.all([kept, late])
    await expect(session.run({ x: vector(1) })).rejects.toThrow(/a disposed one/)
    await expect(own.open(plusOne)).rejects.toThrow(/a disposed one/)
    await session.release()
    await own.drop([(await kept).residents.y!])
    expect(loadNativeBinding().alive()).toEqual(before)
  })
})

/** A library whose one answer is a refusal, made with the API that it is handed. */
const refusingLibrary = `
struct Base { const void* (*GetApi)(unsigned version); };
extern "C" void* RegisterCustomOps(void*, const Base* base) {
  auto table = static_cast<void* const*>(base->GetApi(22));
  auto createStatus = reinterpret_cast<void* (*)(int, const char*)>(table[0]);
  return createStatus(1, "the library was asked for its operators");
}
`
