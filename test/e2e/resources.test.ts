import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { wan } from '../../models/wan/family.ts'
import { estimateTolerance } from '../../src/engine/memory-estimate.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { runInChild } from '../child.ts'
import { fixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'
import { writeSyntheticCheckpoint } from '../synthetic-checkpoint.ts'

const model = JSON.stringify(path.resolve(import.meta.dirname, '../../models/doodle/checkpoint'))

test('a video of 81 frames needs at most a tenth more memory at its peak than one of 33', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'peak-'))
  /** Of a whole process that makes a video and writes it: encoder, denoiser, decoder and file. */
  const peakMb = (frames: number) =>
    runInChild<number>(`
    import { readFileSync } from 'node:fs'
    import { createEngine, renderVideo } from './dist/src/index.js'
    const engine = await createEngine({ model: ${model}, device: 'cpu', threads: 1 })
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

test('writing a long video takes no more memory with every frame', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'long-'))
  try {
    const grownMb = await runInChild<number>(`
      import { readFileSync } from 'node:fs'
      import { openVideoWriter } from './dist/src/media/writer.js'
      const peakMb = () => /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024
      const path = ${JSON.stringify(path.join(folder, 'long.mp4'))}
      const writer = await openVideoWriter({ path, width: 320, height: 240, fps: 24 })
      const frames = Uint8Array.from({ length: 4 * 320 * 240 * 3 }, (_, at) => at >> 12)
      const write = async chunks => { for (let chunk = 0; chunk < chunks; chunk++) await writer.write(frames) }
      await write(100) // The heap and the encoder's pools have their size by then.
      const before = peakMb()
      await write(100)
      console.log(peakMb() - before)
      await writer.finish()
    `)
    // The 400 frames since would be 92 MB as RGB, or 46 MB as the encoder takes them.
    expect(grownMb).toBeLessThan(30)
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('the estimate of a video', () => {
  /** Megabytes at the fullest moment: as estimated, and as the system counted them for a process. */
  const measure = (folder: string, request: object, residency: string) =>
    runInChild<{ estimatedMb: number; measuredMb: number }>(`
    import { readFileSync } from 'node:fs'
    import { families } from './dist/models/index.js'
    import { openCheckpoint } from './dist/src/engine/checkpoint.js'
    import { graphSource } from './dist/src/engine/graph-source.js'
    import { memoryEstimator } from './dist/src/engine/memory-estimate.js'
    import { createEngine } from './dist/src/index.js'
    import { planRequest } from './dist/src/pipeline/request.js'
    const request = ${JSON.stringify({ prompt: 'a red ball on a blue floor', seed: 1, steps: 1, ...request })}
    const mb = name => Number(readFileSync('/proc/self/status', 'utf8').split(name + ':')[1].split('kB')[0]) / 1024
    const engine = await createEngine({ model: ${JSON.stringify(folder)}, device: 'cpu', threads: 1, residency: '${residency}' })
    const before = mb('VmRSS')
    for await (const event of engine.generate(request)) {}
    const measuredMb = mb('VmHWM') - before
    await engine[Symbol.asyncDispose]()
    const checkpoint = await openCheckpoint(${JSON.stringify(folder)}, families)
    const device = { type: 'cpu' }
    const estimateRequest = memoryEstimator(checkpoint, device, graphSource(checkpoint, { device }))
    const { plans, estimate } = estimateRequest(planRequest(request, checkpoint.model.facts, { fields: checkpoint.fields, randomSeed: () => 1n }), ['${residency}'])
    console.log(JSON.stringify({ estimatedMb: (await estimate(plans[0])).bytes / 2 ** 20, measuredMb }))
  `)

  /** A Wan checkpoint of 100 MB, random. */
  async function synthetic(folder: string): Promise<string> {
    const config = (component: string) =>
      JSON.parse(readFileSync(fixture(`wan21-t2v/model/${component}/config.json`), 'utf8')) as object
    const scheduler = fixture('wan21-t2v/model/scheduler/scheduler_config.json')
    await writeSyntheticCheckpoint(folder, {
      family: wan,
      index: JSON.parse(readFileSync(fixture('wan21-t2v/model/model_index.json'), 'utf8')),
      scheduler: JSON.parse(readFileSync(scheduler, 'utf8')),
      tokenizer: fixture('wan21-t2v/model/tokenizer'),
      components: {
        text_encoder: config('text_encoder'),
        transformer: {
          ...config('transformer'),
          num_attention_heads: 8,
          attention_head_dim: 64,
          ffn_dim: 2048,
          num_layers: 6,
        },
        vae: { ...config('vae'), base_dim: 16 },
      },
    })
    return folder
  }

  const cases = [
    ['the built-in model', { width: 128, height: 128, frames: 33 }, 'keep'],
    ['the built-in model', { width: 256, height: 256, frames: 17 }, 'release'],
    ['a synthetic one', { width: 64, height: 64, frames: 9 }, 'keep'],
    ['a synthetic one', { width: 192, height: 192, frames: 17 }, 'release'],
  ] as const

  test.each(cases)(`of %s at %o (%s) is near what it took`, async (...[name, size, residency]) => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'estimate-'))
    try {
      const folder = name === 'a synthetic one' ? await synthetic(scratch) : (JSON.parse(model) as string)
      const { estimatedMb, measuredMb } = await measure(folder, size, residency)
      console.info(`${name}: estimated ${estimatedMb.toFixed(0)} MB, took ${measuredMb.toFixed(0)} MB`)
      expect(estimatedMb / measuredMb).toBeGreaterThan(1 - estimateTolerance)
      expect(estimatedMb / measuredMb).toBeLessThan(1 + estimateTolerance)
    } finally {
      await rm(scratch, { recursive: true })
    }
  })
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
    const { transformer } = publishedComponents('wan-t2v-1.3b')
    await synthesizeWeights(transformer!.tensors, folder)
    const { privateMb, seconds } = await runInChild<{ privateMb: number; seconds: number }>(`
      import { readFileSync } from 'node:fs'
      import { wanTransformerConfig } from './dist/models/wan/config.js'
      import { wanContext } from './dist/models/wan/context.js'
      import { wanTransformer } from './dist/models/wan/transformer.js'
      import { serialize } from './dist/src/graph/serialize.js'
      import { OnnxRuntimeBackend } from './dist/src/runtime/onnxruntime-backend.js'
      import { openWeights } from './dist/src/weights/checkpoint.js'
      import { WeightLedger } from './dist/src/weights/scope.js'
      const config = wanTransformerConfig.parse(${JSON.stringify(transformer!.config)})
      const weights = await openWeights(${JSON.stringify(folder)})
      const ledger = new WeightLedger(weights)
      const graphs = [wanContext(config, ledger.graph('context'), 'f32'), wanTransformer(config, ledger.graph('transformer'), 'f32')]
      ledger.assertAllUsed()
      const backend = new OnnxRuntimeBackend({ device: { type: 'cpu' }, threads: 1 })
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
