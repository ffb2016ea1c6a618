import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clipVisionConfig } from '../../models/clip/config.ts'
import { clipVisionEncoder, clipVisionIgnored } from '../../models/clip/vision-encoder.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { runGraph } from '../graph-session.ts'
import { publishedComponents } from '../published.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

const cases = [
  ['wan21-i2v', 1],
  ['wan21-i2v', 2],
  ['wan21-i2v', 3],
  ['wan21-flf2v', 1],
  ['wan21-flf2v', 2],
] as const

describe.each(cases)('%s case %d', (name, number) => {
  test.runIf(hasFixture(`${name}/case-${number}.safetensors`))(
    'the vision encoder gives the image embeddings of diffusers',
    async () => {
      const folder = fixture(`${name}/model/image_encoder`)
      const config = clipVisionConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
      const ledger = new WeightLedger(await openWeights(folder))
      const graph = clipVisionEncoder(config, ledger.graph('image-encoder'), 'f32')
      ledger.assertAllUsed({ ignored: clipVisionIgnored(config) })
      const recorded = readFixtureTensors(fixture(`${name}/case-${number}.safetensors`))
      const { embeddings } = await runGraph(graph, { pixels: recorded.get('clip_pixel_values')! })
      const expected = recorded.get('image_embeds')!
      expect(embeddings!.shape).toEqual(expected.shape)
      expect(relativeError(embeddings!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(
        1e-5,
      )
    },
  )
})

describe('the published ViT-H', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'published-clip-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  test.each(['', 'vision_model.'])(
    'is used up to the layer before the last, keys under "%s"',
    async prefix => {
      const { image_encoder } = publishedComponents('wan21-clip-vit-h')
      const entries = Object.entries(image_encoder!.tensors)
      const tensors = Object.fromEntries(entries.map(([key, value]) => [prefix + key, value]))
      const component = path.join(folder, prefix || 'plain')
      await synthesizeWeights(tensors, component, { baseName: 'model' })
      const ledger = new WeightLedger(await openWeights(component))
      const config = clipVisionConfig.parse(image_encoder!.config)
      clipVisionEncoder(config, ledger.graph('image-encoder'), 'f16')
      const unused = ledger.unused()
      expect(unused).toHaveLength(18)
      expect(unused.every(key => /layers\.31\.|post_layernorm\./.test(key))).toBe(true)
      ledger.assertAllUsed({ ignored: clipVisionIgnored(config) })
    },
  )
})

test('a picture that patches do not cut evenly is refused', () => {
  expect(clipVisionConfig.safeParse({ image_size: 225, patch_size: 14 }).success).toBe(false)
})
