import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type HunyuanTransformerConfig,
  hunyuanTransformerConfig,
  hunyuanVaeConfig,
} from '../../models/hunyuan15/config.ts'
import { glyphContext, imageContext } from '../../models/hunyuan15/context.ts'
import { hunyuanTransformer } from '../../models/hunyuan15/transformer.ts'
import { hunyuanDecoder, hunyuanEncoder } from '../../models/hunyuan15/vae.ts'
import { qwen2Config } from '../../models/qwen2/config.ts'
import { qwen2Encoder, qwen2Ignored } from '../../models/qwen2/encoder.ts'
import { siglipVisionConfig } from '../../models/siglip/config.ts'
import { siglipVisionEncoder, siglipVisionIgnored } from '../../models/siglip/vision-encoder.ts'
import { t5Config } from '../../models/t5/config.ts'
import { t5Encoder } from '../../models/t5/encoder.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { type GraphWeights, WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { hasFixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'
import { quietSeconds } from '../quiet-seconds.ts'
import { scratchFolder } from '../scratch.ts'

interface Class {
  readonly graphs: readonly ((config: unknown, weights: GraphWeights) => Graph)[]
  readonly ignored?: (config: unknown) => RegExp[]
}

const transformer = (config: unknown): HunyuanTransformerConfig => hunyuanTransformerConfig.parse(config)
const layers = 26

const classes: Readonly<Record<string, Class>> = {
  HunyuanVideo15Transformer3DModel: {
    graphs: [
      (config, weights) => glyphContext(transformer(config), weights, 'bf16'),
      (config, weights) => imageContext(transformer(config), weights, 'bf16'),
      (config, weights) => {
        const { use_meanflow: meanflow } = transformer(config)
        return hunyuanTransformer(transformer(config), weights, 'bf16', { meanflow })
      },
    ],
  },
  AutoencoderKLHunyuanVideo15: {
    graphs: [
      (config, weights) => hunyuanDecoder(hunyuanVaeConfig.parse(config), weights, 'f16', 'first'),
      (config, weights) => hunyuanDecoder(hunyuanVaeConfig.parse(config), weights, 'f16', 'next'),
      (config, weights) => hunyuanEncoder(hunyuanVaeConfig.parse(config), weights, 'f16'),
    ],
  },
  Qwen2_5_VLTextModel: {
    graphs: [(config, weights) => qwen2Encoder(qwen2Config.parse(config), weights, 'bf16', { layers })],
    ignored: config => qwen2Ignored(qwen2Config.parse(config), layers),
  },
  T5EncoderModel: {
    graphs: [(config, weights) => t5Encoder(t5Config.parse(config), weights, 'bf16')],
  },
  SiglipVisionModel: {
    graphs: [(config, weights) => siglipVisionEncoder(siglipVisionConfig.parse(config), weights, 'bf16')],
    ignored: () => siglipVisionIgnored,
  },
}

const names = [
  'hunyuan15-480p-t2v',
  'hunyuan15-480p-i2v',
  'hunyuan15-480p-i2v-step-distilled',
  'hunyuan15-text-encoders',
  'hunyuan15-vae',
].filter(name => hasFixture(`published/${name}.json`))

const scratch = scratchFolder()

describe('the published components', () => {
  if (names.length === 0) test.skip('are not here')

  test.each(names)('of %s become graphs that use every tensor, in a second each', async name => {
    for (const [component, published] of Object.entries(publishedComponents(name))) {
      const folder = path.join(scratch, name, component)
      await synthesizeWeights(published.tensors, folder)
      const ledger = new WeightLedger(await openWeights(folder))
      const { graphs, ignored = () => [] } = classes[published.class]!
      for (const [index, build] of graphs.entries()) {
        const seconds = await quietSeconds(() => {
          const graph = build(published.config, ledger.graph(`graph ${index}`))
          const bytes = serialize(graph, { locate: file => file.slice(1) })
          expect(bytes.length).toBeLessThan(8 << 20)
        })
        expect(seconds, `${component} ${index}`).toBeLessThan(1)
      }
      const rules = ignored(published.config)
      expect(ledger.unused().filter(key => !rules.some(rule => rule.test(key)))).toEqual([])
    }
  })
})
