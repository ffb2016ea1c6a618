import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { synthesizeWeights } from '../../../src/weights/sparse.ts'
import { runInChild } from '../../child.ts'
import { fixture } from '../../fixtures.ts'

const model = JSON.stringify(path.resolve(import.meta.dirname, '../../../models/doodle/checkpoint'))

test('decoding 81 frames needs no more memory at its peak than decoding 33', async () => {
  const peak = (latentFrames: number) =>
    runInChild<number>(`
    import { readFileSync } from 'node:fs'
    import { families } from './dist/models/index.js'
    import { openCheckpoint } from './dist/src/engine/checkpoint.js'
    import { graphSource } from './dist/src/engine/graph-source.js'
    import { Lane } from './dist/src/engine/lane.js'
    import { decodeChunks } from './dist/src/pipeline/decode.js'
    import { OnnxRuntimeBackend } from './dist/src/runtime/onnxruntime-backend.js'
    import { createGenerator } from './dist/src/sampling/noise.js'
    const device = { type: 'cpu' }
    const checkpoint = await openCheckpoint(${model}, families)
    const source = graphSource(checkpoint, { device, requested: undefined })
    const lane = new Lane(new OnnxRuntimeBackend({ device, threads: 0 }), source, 'keep')
    const shape = [16, ${latentFrames}, 16, 16]
    const latents = { dtype: 'f32', shape, data: createGenerator(1n).randn(16 * ${latentFrames} * 256) }
    const { decoder } = checkpoint.model.facts
    const drop = residents => lane.drop(residents)
    const signal = new AbortController().signal
    const options = { decoder, latents, feeds: {}, chunk: 2, tensors: false, run: lane.run, drop, signal }
    for await (const chunk of decodeChunks(options)) {}
    await lane[Symbol.asyncDispose]()
    console.log(Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]))
  `)
  const [short, long] = [await peak(9), await peak(21)]
  expect(long / short).toBeLessThan(1.1)
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
