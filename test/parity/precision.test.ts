/**
 * How far the types of a GPU move results from those of diffusers in f32: rounding as there, arithmetic on the CPU; and
 * both there, where FRAMEWRIGHT_TEST_DEVICE names a GPU.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { relativePositionBuckets } from '../../models/t5/encoder.ts'
import { umt5Config } from '../../models/umt5/config.ts'
import { umt5Encoder } from '../../models/umt5/encoder.ts'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { wanDecoder } from '../../models/wan/vae.ts'
import { type WanVaeConfig, wanVaeConfig } from '../../models/wan/vae-config.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import { memoize } from '../../src/memoize.ts'
import { parseDevice } from '../../src/runtime/device.ts'
import { OnnxRuntimeBackend } from '../../src/runtime/onnxruntime-backend.ts'
import { elementCount, type FloatDType } from '../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { graphRunner } from '../graph-session.ts'
import { roundedGraph } from '../rounded-graph.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { wanFeeds } from '../wan-feeds.ts'

const device = parseDevice(process.env.FRAMEWRIGHT_TEST_DEVICE ?? 'cpu')

const runGraph = graphRunner()
/** As a CPU can run it. */
const runnable = memoize((graph: Graph) => (graph.precision === 'f32' ? graph : roundedGraph(graph)))

async function compute(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> {
  if (device.type === 'cpu') return await runGraph(runnable(graph), feeds)
  await using backend = new OnnxRuntimeBackend({ device, threads: 0 })
  const bytes = serialize(graph, { locate: file => path.relative('/', file) })
  const weightBytes = weightBytesOf(graph)
  const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes })
  return (await session.run(feeds)).tensors
}

const transformers = ['wan21-t2v', 'wan22-ti2v-5b'].filter(name => hasFixture(`${name}/case-1.json`))

describe.each(transformers)('a step of %s', name => {
  /** Of every step. */
  async function errorsIn(precision: FloatDType): Promise<number[]> {
    const folder = fixture(`${name}/model/transformer`)
    const config = wanTransformerConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const reference = readFixtureTensors(fixture(`${name}/case-1.safetensors`))
    const ledger = new WeightLedger(await openWeights(folder))
    const context = wanContext(config, ledger.graph('context'), precision)
    const transformer = wanTransformer(config, ledger.graph('transformer'), precision)
    const latents = reference.get('step_000.model_input')!
    const prompt = await compute(context, { text: reference.get('prompt_embeds')! })
    const errors: number[] = []
    for (let step = 0; ; step++) {
      const of = (what: string) => reference.get(`step_${String(step).padStart(3, '0')}.${what}`)
      const expected = of('noise_pred_cond')
      if (!expected) return errors
      const seen = step === 0 ? latents : reference.get(`step_${String(step - 1).padStart(3, '0')}.latents`)!
      const timestep = Number(of('timestep')!.data[0])
      const { velocity } = await compute(transformer, {
        ...prompt,
        ...wanFeeds(config, seen, timestep),
      })
      errors.push(errorOf(velocity!, expected))
    }
  }

  test('is within 2 % in bf16, and rounded indeed', async () => {
    const errors = await errorsIn('bf16')
    expect(errors.length).toBeGreaterThan(1)
    expect(Math.max(...errors)).toBeLessThan(2e-2)
    expect(Math.min(...errors)).toBeGreaterThan(1e-4)
  })
})

const vaes = ['vae-wan21', 'vae-wan22'].filter(name => hasFixture(`modules/${name}/reference.safetensors`))

test.each(vaes)('the first frame of %s is within 0.5 % in f16', async name => {
  const about = JSON.parse(await readFile(fixture(`modules/${name}/reference.json`), 'utf8'))
  const folder = `${fixture(`modules/${name}`)}/${about.model}`
  const config = wanVaeConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
  const ledger = new WeightLedger(await openWeights(folder))
  const decoder = wanDecoder(config, ledger.graph('decoder'), 'f16', 'first')
  const reference = readFixtureTensors(fixture(`modules/${name}/reference.safetensors`))
  const input = reference.get('frames_01.decode_input')!
  const { decoded } = await compute(decoder, { latents: normalized(input, config) })
  const error = errorOf(decoded!, reference.get('frames_01.decoded')!)
  expect(error).toBeLessThan(5e-3)
  expect(error).toBeGreaterThan(1e-4)
})

test.skipIf(!hasFixture('modules/text-umt5/reference.safetensors'))(
  'the prompt of UMT5 is within 2 % in bf16',
  async () => {
    const folder = fixture('modules/text-umt5')
    const config = umt5Config.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const ledger = new WeightLedger(await openWeights(folder, 'model'))
    const graph = umt5Encoder(config, ledger.graph('encoder'), 'bf16')
    const reference = readFixtureTensors(`${folder}/reference.safetensors`)
    const mask = reference.get('length_24.attention_mask')!
    const { embeddings } = await compute(graph, {
      ids: reference.get('length_24.input_ids')!,
      mask: tensor('f32', mask.shape, Float32Array.from(mask.data as BigInt64Array, Number)),
      buckets: tensor('i64', [24, 24], relativePositionBuckets(24, config)),
    })
    const error = errorOf(embeddings!, reference.get('length_24.last_hidden_state')!)
    expect(error).toBeLessThan(2e-2)
    expect(error).toBeGreaterThan(1e-4)
  },
)

/** [1, channels, frames, h, w] as the VAE sees it → [channels, frames, h, w] as transformers give it: (x − mean) / std. */
function normalized({ data, shape }: Tensor, config: WanVaeConfig): Tensor {
  const size = elementCount(shape) / config.z_dim
  const values = (data as Float32Array).map((value, index) => {
    const channel = Math.floor(index / size)
    return (value - config.latents_mean[channel]!) / config.latents_std[channel]!
  })
  return tensor('f32', shape.slice(1), values)
}

function errorOf(result: Tensor, reference: Tensor): number {
  expect(elementCount(result.shape)).toBe(elementCount(reference.shape))
  return relativeError(result.data as Float32Array, reference.data as Float32Array)
}
