import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type LtxVaeConfig, ltxVaeConfig } from '../../../models/ltx-vae/config.ts'
import { type EncoderPart, ltxEncoder } from '../../../models/ltx-vae/vae.ts'
import { ltx2VaeConfig } from '../../../models/ltx2/config.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import { encodeClip } from '../../../src/pipeline/encode.ts'
import type { Feed, RunGraph } from '../../../src/pipeline/family.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { float32Data, type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { largestDifference } from '../../compare.ts'
import { ltxConfigs } from '../../contract/ltx-configs.ts'
import { ltx2Configs } from '../../contract/ltx2-configs.ts'
import { openGraph } from '../../graph-session.ts'
import { scratchFolder } from '../../scratch.ts'
import { randomTensors } from '../../synthetic-checkpoint.ts'

const scratch = scratchFolder()
const normal = (shape: readonly number[], seed: number) =>
  tensor('f32', shape, createGenerator(seed).randn(elementCount(shape)))

const encoders: readonly (readonly [string, LtxVaeConfig])[] = [
  ['LTX-2', ltx2VaeConfig.parse(ltx2Configs.components.vae)],
  [
    'LTX-Video 0.9.0, with convolutions of stride 2',
    ltxVaeConfig.parse({
      latent_channels: 4,
      block_out_channels: [4, 8, 8, 8],
      layers_per_block: [1, 1, 1, 1, 1],
      decoder_block_out_channels: [4, 8, 8, 16],
      decoder_layers_per_block: [1, 1, 1, 1, 1],
    }),
  ],
  ['LTX-Video 0.9.5', ltxVaeConfig.parse(ltxConfigs.components.vae)],
]

async function openEncoder(name: string, config: LtxVaeConfig) {
  const build = (part: EncoderPart, weights: Parameters<typeof ltxEncoder>[2]) =>
    ltxEncoder(config, part, weights, 'f32')
  const folder = path.join(scratch, name.replaceAll(/\W/g, ''))
  await mkdir(folder)
  const wanted = wantedTensors(weights => build('whole', weights))
  await writeSafetensors(path.join(folder, 'diffusion_pytorch_model.safetensors'), randomTensors(wanted))
  const weights = await openWeights(folder)
  const open = async (part: EncoderPart) =>
    await openGraph(build(part, new WeightLedger(weights).graph(part)))
  return { whole: await open('whole'), first: await open('first'), next: await open('next') }
}

test.each(encoders)('an encoder of %s gives a clip in parts the latents of one run', async (name, config) => {
  const sessions = await openEncoder(name, config)
  const kept = new Map<Feed, Tensor>()
  const sizes: number[] = []
  const run: RunGraph = async (graph, given, { fetch, keep = () => false } = {}) => {
    sizes.push((given.pictures as Tensor).shape[0]!)
    const feeds = Object.entries(given).map(([each, feed]) => [each, kept.get(feed) ?? (feed as Tensor)])
    const outputs = Object.entries(await sessions[graph as 'first' | 'next'].run(Object.fromEntries(feeds)))
    const asked = outputs.filter(([each]) => fetch?.includes(each) ?? true)
    const residents = asked.flatMap(([each, value]) => {
      if (!keep(each)) return []
      const resident = { kind: 'resident', id: kept.size, dtype: value.dtype, shape: value.shape } as const
      kept.set(resident, value)
      return [[each, resident] as const]
    })
    const tensors = Object.fromEntries(asked.filter(([each]) => !keep(each)))
    return { tensors, residents: Object.fromEntries(residents) }
  }
  for (const latentFrames of [1, 2, 6]) {
    const pictures = normal([8 * latentFrames - 7, 3, 32, 64], latentFrames)
    const noise = normal([config.latent_channels, latentFrames, 1, 2], 9)
    const { latents } = await sessions.whole.run({ pictures, noise })
    for (const chunk of [1, 2]) {
      sizes.length = 0
      const parts = await encodeClip({
        encoder: { first: 'first', next: 'next' },
        temporalStride: 8,
        pictures,
        feeds: { noise },
        chunk,
        run,
        signal: new AbortController().signal,
        drop: async residents => {
          for (const resident of residents) kept.delete(resident)
        },
      })
      expect(parts.shape).toEqual(latents!.shape)
      expect(largestDifference(float32Data(parts), float32Data(latents!))).toBeLessThan(2e-5)
      expect(Math.max(...sizes)).toBe(latentFrames === 1 ? 1 : 8 * Math.min(chunk, latentFrames - 1))
      expect(kept.size).toBe(0)
    }
  }
  for (const session of Object.values(sessions)) await session.release()
})
