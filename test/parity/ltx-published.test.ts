import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ltxTransformerConfig } from '../../models/ltx/config.ts'
import { ltxContext } from '../../models/ltx/context.ts'
import { ltxTransformer } from '../../models/ltx/transformer.ts'
import { ltxVaeConfig } from '../../models/ltx-vae/config.ts'
import { decoderStages } from '../../models/ltx-vae/decoder.ts'
import { ltxDecoderStage, ltxEncoder } from '../../models/ltx-vae/vae.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { hasFixture } from '../fixtures.ts'
import { publishedComponents } from '../published.ts'

const builders: Record<string, (config: unknown, ledger: WeightLedger) => Graph[]> = {
  transformer: (config, ledger) => {
    const parsed = ltxTransformerConfig.parse(config)
    return [
      ltxContext(parsed, ledger.graph('context'), 'bf16'),
      ltxTransformer(parsed, ledger.graph('transformer'), 'bf16'),
    ]
  },
  vae: (config, ledger) => {
    const parsed = ltxVaeConfig.parse(config)
    return [
      ...decoderStages(parsed).map((_, index) => {
        return ltxDecoderStage(parsed, index, ledger.graph(`decoder ${index}`), 'f16')
      }),
      ltxEncoder(parsed, 'whole', ledger.graph('encoder'), 'f16'),
    ]
  },
}

const versions = ['0.9.0', '0.9.1', '0.9.5', '0.9.7'].filter(version =>
  hasFixture(`published/ltx-video-${version}.json`),
)

describe.each(versions)('the published LTX-Video %s', version => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'published-ltx-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  test.each(['transformer', 'vae'])('becomes graphs that use every tensor of its %s', async component => {
    const { config, tensors } = publishedComponents(`ltx-video-${version}`)[component]!
    await synthesizeWeights(tensors, path.join(folder, component))
    const ledger = new WeightLedger(await openWeights(path.join(folder, component)))
    const graphs = builders[component]!(config, ledger)
    expect(ledger.unused()).toEqual([])
    for (const graph of graphs) {
      expect(serialize(graph, { locate: file => file.slice(1) }).length).toBeLessThan(8 << 20)
    }
  })
})
