import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { t5Config } from '../../models/t5/config.ts'
import { relativePositionBuckets, t5Encoder } from '../../models/t5/encoder.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { memoize } from '../../src/memoize.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { graphRunner } from '../graph-session.ts'
import { publishedComponents } from '../published.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

const runGraph = graphRunner()

const load = memoize(async (folder: string) => {
  const config = t5Config.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
  const ledger = new WeightLedger(await openWeights(folder, 'model'))
  const graph = t5Encoder(config, ledger.graph('encoder'), 'f32')
  ledger.assertAllUsed()
  return { config, graph }
})

async function encode(
  { config, graph }: { config: ReturnType<typeof t5Config.parse>; graph: Graph },
  ids: Tensor,
  mask: Float32Array,
): Promise<Float32Array> {
  const length = ids.shape[1]!
  const { embeddings } = await runGraph(graph, {
    ids,
    mask: tensor('f32', ids.shape, mask),
    buckets: tensor('i64', [length, length], relativePositionBuckets(length, config)),
  })
  return embeddings!.data as Float32Array
}

const atHand = hasFixture('ltx-condition/model/text_encoder')

test.skipIf(!atHand)(
  'the encoder gives the embeddings of a recorded LTX pipeline, which passes no mask',
  async () => {
    const encoder = await load(fixture('ltx-condition/model/text_encoder'))
    const recorded = readFixtureTensors(fixture('ltx-condition/case-6.safetensors'))
    const ids = recorded.get('input_ids')!
    const embeddings = await encode(encoder, ids, new Float32Array(ids.data.length).fill(1))
    expect(relativeError(embeddings, recorded.get('prompt_embeds')!.data as Float32Array)).toBeLessThan(1e-5)
  },
)

test.runIf(hasFixture('modules/text-t5')).each([24, 256])(
  'the encoder gives the hidden states of transformers at %d tokens, with the mask and without',
  async length => {
    const folder = fixture('modules/text-t5')
    const encoder = await load(folder)
    const reference = readFixtureTensors(`${folder}/reference.safetensors`)
    const ids = reference.get(`length_${length}.input_ids`)!
    const mask = reference.get(`length_${length}.attention_mask`)!.data as BigInt64Array
    for (const [suffix, values] of [
      ['last_hidden_state', Float32Array.from(mask, Number)],
      ['last_hidden_state_no_mask', new Float32Array(mask.length).fill(1)],
    ] as const) {
      const expected = reference.get(`length_${length}.${suffix}`)!.data as Float32Array
      expect(relativeError(await encode(encoder, ids, values), expected)).toBeLessThan(1e-5)
    }
  },
)

test('the published XXL encoder is used up by the graph, its tied table under both names', async () => {
  const { text_encoder } = publishedComponents('ltx-t5-xxl')
  const folder = await mkdtemp(path.join(tmpdir(), 'published-t5-'))
  try {
    await synthesizeWeights(text_encoder!.tensors, folder, { baseName: 'model', shards: 4 })
    const ledger = new WeightLedger(await openWeights(folder))
    t5Encoder(t5Config.parse(text_encoder!.config), ledger.graph('encoder'), 'bf16')
    expect(ledger.unused()).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('the ungated feed-forward of the first T5 is refused', () => {
  expect(t5Config.safeParse({ d_model: 8 }).success).toBe(false)
  expect(t5Config.safeParse({ d_model: 8, feed_forward_proj: 'relu' }).success).toBe(false)
})
