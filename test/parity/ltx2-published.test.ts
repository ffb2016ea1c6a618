import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gemmaEncoder, gemmaIgnored } from '../../models/gemma/encoder.ts'
import { gemma3Config } from '../../models/gemma/gemma3.ts'
import { decoderStages } from '../../models/ltx-vae/decoder.ts'
import { ltxUpsampler } from '../../models/ltx-vae/upsampler.ts'
import { ltxDecoderStage, ltxEncoder } from '../../models/ltx-vae/vae.ts'
import { ltx2Caption } from '../../models/ltx2/caption.ts'
import {
  ltx2ConnectorsConfig,
  ltx2TransformerConfig,
  ltx2UpsamplerConfig,
  ltx2VaeConfig,
} from '../../models/ltx2/config.ts'
import { ltx2Connectors } from '../../models/ltx2/connectors.ts'
import { ltx2Published } from '../../models/ltx2/published.ts'
import { ltx2Transformer } from '../../models/ltx2/transformer.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights, type TensorList } from '../../src/weights/sparse.ts'
import { hasFixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'
import { quietSeconds } from '../quiet-seconds.ts'

const builders: Record<string, (config: unknown, ledger: WeightLedger) => (() => Graph)[]> = {
  text_encoder: (config, ledger) => [
    () => gemmaEncoder(gemma3Config.parse(config), ledger.graph('text-encoder'), 'bf16'),
  ],
  connectors: (config, ledger) => [
    () => ltx2Connectors(ltx2ConnectorsConfig.parse(config), ledger.graph('connectors'), 'bf16'),
  ],
  transformer: (config, ledger) => {
    const parsed = ltx2TransformerConfig.parse(config)
    return [
      ...(parsed.use_prompt_embeddings ? [() => ltx2Caption(parsed, ledger.graph('caption'), 'bf16')] : []),
      () => ltx2Transformer(parsed, 8, ledger.graph('transformer'), 'bf16'),
    ]
  },
  vae: (config, ledger) => {
    const parsed = ltx2VaeConfig.parse(config)
    return [
      ...decoderStages(parsed).map((_, index) => {
        return () => ltxDecoderStage(parsed, index, ledger.graph(`decoder ${index}`), 'f16')
      }),
      () => ltxEncoder(parsed, 'whole', ledger.graph('encoder'), 'f16'),
    ]
  },
  latent_upsampler: (config, ledger) => {
    const parsed = ltx2UpsamplerConfig.parse(config)
    return [() => ltxUpsampler(parsed, ltx2VaeConfig.parse({}), ledger.graph('upsampler'), 'f16')]
  },
}

/** The VAE's statistics, which the upsampler's graph uses too. */
const shared: TensorList = { latents_mean: ['BF16', [128]], latents_std: ['BF16', [128]] }

/** Tensors of published files that no graph uses. */
const ignored: Readonly<Record<string, readonly RegExp[]>> = {
  text_encoder: gemmaIgnored,
  latent_upsampler: [/^upsampler\.blur_down\.kernel$/],
}

const files = ['ltx2', 'ltx2.3', 'ltx2-gemma3-12b'].filter(name => hasFixture(`published/${name}.json`))
const parts: Readonly<Record<string, readonly string[]>> = {
  ltx2: ['transformer', 'connectors', 'vae', 'latent_upsampler'],
  'ltx2.3': ['transformer', 'connectors', 'vae', 'latent_upsampler'],
  'ltx2-gemma3-12b': ['text_encoder'],
}

if (files.length === 0) test.skip('the published LTX-2: its lists are not here')

describe.each(files)('the published %s', file => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'published-ltx2-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  test.each(parts[file]!)(
    'becomes graphs that use every tensor of its %s, in a second each',
    async component => {
      const components = publishedComponents(file)
      const { config, tensors } = components[component]!
      const all = component === 'latent_upsampler' ? { ...tensors, ...shared } : tensors
      await synthesizeWeights(all, path.join(folder, component))
      const ledger = new WeightLedger(await openWeights(path.join(folder, component)))
      for (const build of builders[component]!(config, ledger)) {
        const seconds = await quietSeconds(() => {
          const bytes = serialize(build(), { locate: each => each.slice(1) })
          expect(bytes.length).toBeLessThan(16 << 20)
        })
        expect(seconds).toBeLessThan(1)
      }
      const unused = ledger.unused().filter(key => !ignored[component]?.some(pattern => pattern.test(key)))
      expect(unused).toEqual([])
    },
  )
})

describe.each(['ltx2', 'ltx2.3'].filter(name => files.includes(name)))('the configs of %s', file => {
  test('are those that the family lists', async () => {
    const components = publishedComponents(file)
    const listed = ltx2Published.find(({ name }) => name === file.replace('ltx2', 'ltx-2'))!.components
    const schemas = {
      transformer: ltx2TransformerConfig,
      connectors: ltx2ConnectorsConfig,
      vae: ltx2VaeConfig,
    }
    for (const [component, schema] of Object.entries(schemas)) {
      const written = { out_channels: 128, audio_out_channels: 128 }
      const { config } = components[component]!
      const made = schema.parse({ ...(component === 'transformer' && written), ...listed[component] })
      expect(made).toEqual(schema.parse(config))
    }
  })
})
