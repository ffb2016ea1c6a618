import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { synthesizeWeights } from '../../../src/weights/sparse.ts'
import { runInChild } from '../../child.ts'
import { fixture } from '../../fixtures.ts'

const model = JSON.stringify(path.resolve(import.meta.dirname, '../../../models/doodle/checkpoint'))

test('a video of 81 frames needs at most a tenth more memory at its peak than one of 33', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'peak-'))
  /** Of a whole process that makes a video and writes it: encoder, denoiser, decoder and file. */
  const peakMb = (frames: number) =>
    runInChild<number>(`
    import { readFileSync } from 'node:fs'
    import { createEngine, renderVideo } from './dist/src/index.js'
    const engine = await createEngine({ model: ${model}, device: 'cpu' })
    const request = { prompt: 'a red ball', seed: 1, steps: 1, width: 128, height: 128, frames: ${frames} }
    const output = { path: ${JSON.stringify(path.join(folder, `${frames}.mp4`))}, model: 'doodle', version: '0' }
    for await (const event of renderVideo(engine, request, output)) {}
    await engine[Symbol.asyncDispose]()
    console.log(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024)
  `)
  try {
    const [short, long] = [await peakMb(33), await peakMb(81)]
    expect(long / short).toBeLessThan(1.1)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a session holds as much after its third run as after its first', async () => {
  const { first, third } = await runInChild<{ first: number; third: number }>(`
    import { readFileSync } from 'node:fs'
    import { families } from './dist/models/index.js'
    import { openCheckpoint } from './dist/src/engine/checkpoint.js'
    import { graphSource } from './dist/src/engine/graph-source.js'
    import { OnnxRuntimeBackend } from './dist/src/runtime/onnxruntime-backend.js'
    const checkpoint = await openCheckpoint(${model}, families)
    const device = { type: 'cpu' }
    const backend = new OnnxRuntimeBackend({ device, threads: 1 })
    const session = await backend.open(await graphSource(checkpoint, { device }).load('vae-decoder-first'))
    const latents = { dtype: 'f32', shape: [16, 1, 64, 64], data: new Float32Array(16 * 64 * 64) }
    const privateMb = () => /RssAnon:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024
    const before = privateMb()
    const held = []
    for (let run = 0; run < 3; run++) {
      await session.run({ latents }, { fetch: ['frames'] })
      held.push(privateMb() - before)
    }
    await backend[Symbol.asyncDispose]()
    console.log(JSON.stringify({ first: held[0], third: held[2] }))
  `)
  expect(first).toBeGreaterThan(50)
  expect(third / first).toBeLessThan(1.3)
})

test('the thread that asks stays free while a video is made', async () => {
  const delayMs = await runInChild<number>(`
    import { monitorEventLoopDelay } from 'node:perf_hooks'
    import { createEngine } from './dist/src/index.js'
    const engine = await createEngine({ model: ${model}, device: 'cpu' })
    for await (const event of engine.generate({ prompt: 'a red ball', steps: 1 })) {}
    const delay = monitorEventLoopDelay({ resolution: 1 })
    for await (const event of engine.generate({ prompt: 'a red ball', steps: 10, width: 128, height: 128 })) {
      if (event.type === 'conditioning-ready') delay.enable()
      if (event.type === 'frames-decoded') delay.disable()
    }
    await engine[Symbol.asyncDispose]()
    console.log(delay.percentile(99) / 1e6)
  `)
  expect(delayMs).toBeLessThan(50)
})

test('a session over 1.3 billion f32 weights opens in 300 MB of private memory', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sparse-'))
  try {
    const { transformer } = JSON.parse(await readFile(fixture('published/wan-t2v-1.3b.json'), 'utf8'))
    await synthesizeWeights(transformer.tensors, folder)
    const { privateMb, seconds } = await runInChild<{ privateMb: number; seconds: number }>(`
      import { readFileSync } from 'node:fs'
      import { wanTransformerConfig } from './dist/models/wan/config.js'
      import { wanContext } from './dist/models/wan/context.js'
      import { wanTransformer } from './dist/models/wan/transformer.js'
      import { serialize } from './dist/src/graph/serialize.js'
      import { OnnxRuntimeBackend } from './dist/src/runtime/onnxruntime-backend.js'
      import { openWeights } from './dist/src/weights/checkpoint.js'
      import { WeightLedger } from './dist/src/weights/scope.js'
      const config = wanTransformerConfig.parse(${JSON.stringify(transformer.config)})
      const weights = await openWeights(${JSON.stringify(folder)})
      const ledger = new WeightLedger(weights)
      const graphs = [wanContext(config, ledger.graph('context'), 'f32'), wanTransformer(config, ledger.graph('transformer'), 'f32')]
      ledger.finish()
      const backend = new OnnxRuntimeBackend({ device: { type: 'cpu' }, threads: 0 })
      const started = performance.now()
      const bytes = graph => serialize(graph, { locate: file => file.slice(1) })
      const [, graph] = graphs
      await backend.open({ name: graph.name, bytes: bytes(graph), weightsFolder: '/', weightBytes: weights.bytes })
      const seconds = (performance.now() - started) / 1000
      const [, kb] = /RssAnon:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
      await backend[Symbol.asyncDispose]()
      console.log(JSON.stringify({ privateMb: kb / 1024, seconds }))
    `)
    expect(privateMb).toBeLessThan(300)
    expect(seconds).toBeLessThan(30)
  } finally {
    await rm(folder, { recursive: true })
  }
})
