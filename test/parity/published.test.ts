import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { umt5Config } from '../../models/umt5/config.ts'
import { umt5Encoder } from '../../models/umt5/encoder.ts'
import { wanTransformerConfig } from '../../models/wan/config.ts'
import { wanContext } from '../../models/wan/context.ts'
import { wanImageContext } from '../../models/wan/image-context.ts'
import { wanTransformer } from '../../models/wan/transformer.ts'
import { wanDecoder } from '../../models/wan/vae.ts'
import { wanVaeConfig } from '../../models/wan/vae-config.ts'
import { wanEncoder } from '../../models/wan/vae-encoder.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { hasFixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'
import { quietSeconds } from '../quiet-seconds.ts'

/** The graphs of each class, as its family builds them. */
const builders: Record<string, (config: unknown, ledger: WeightLedger) => Graph[]> = {
  WanTransformer3DModel: wanGraphs,
  WanVACETransformer3DModel: wanGraphs,
  AutoencoderKLWan: (config, ledger) => {
    const parsed = wanVaeConfig.parse(config)
    return (['first', 'next'] as const).flatMap(chunk => [
      wanDecoder(parsed, ledger.graph(`decoder-${chunk}`), 'f16', chunk),
      wanEncoder(parsed, ledger.graph(`encoder-${chunk}`), 'f16', chunk),
    ])
  },
  UMT5EncoderModel: (config, ledger) => [
    umt5Encoder(umt5Config.parse(config), ledger.graph('encoder'), 'bf16'),
  ],
}

/** The transformer and what its cross-attentions see: the prompt and, for some, a picture. */
function wanGraphs(config: unknown, ledger: WeightLedger): Graph[] {
  const parsed = wanTransformerConfig.parse(config)
  const image = parsed.image_dim ? [wanImageContext(parsed, ledger.graph('image-context'), 'bf16')] : []
  return [
    wanContext(parsed, ledger.graph('context'), 'bf16'),
    ...image,
    wanTransformer(parsed, ledger.graph('transformer'), 'bf16'),
  ]
}

const names = [
  'wan-t2v-1.3b',
  'wan-t2v-14b',
  'wan2.2-ti2v-5b',
  'wan2.2-t2v-a14b',
  'wan-i2v-14b-480p',
  'wan-i2v-14b-720p',
  'wan-flf2v-14b-720p',
  'wan2.2-i2v-14b-720p',
  'wan-vace-1.3b',
  'wan-vace-14b',
  'wan2.2-vace-fun-14b',
  'wan21-umt5-xxl',
  'wan21-vae',
  'wan22-vae',
].filter(name => hasFixture(`published/${name}.json`))

describe.each(names)('the published %s', name => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'published-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  test('becomes graphs that use every tensor, in a second and 300 MB', async () => {
    for (const [component, published] of Object.entries(publishedComponents(name))) {
      await synthesizeWeights(published.tensors, path.join(folder, component))
      const ledger = new WeightLedger(await openWeights(path.join(folder, component)))
      const memory = process.memoryUsage().rss
      let graphs: readonly Graph[] = []
      const seconds = await quietSeconds(() => {
        graphs = builders[published.class]!(published.config, ledger)
        ledger.assertAllUsed()
        for (const graph of graphs) {
          const bytes = serialize(graph, { locate: file => file.slice(1) })
          expect(bytes.length).toBeLessThan(8 << 20)
        }
      })
      expect(seconds / graphs.length).toBeLessThan(1)
      expect((process.memoryUsage().rss - memory) / 1e6).toBeLessThan(300 * graphs.length)
    }
  })
})
