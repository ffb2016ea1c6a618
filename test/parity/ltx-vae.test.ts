import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LtxVaeConfig, ltxVaeConfig } from '../../models/ltx-vae/config.ts'
import { decoderStages, injectedNoiseSizes } from '../../models/ltx-vae/decoder.ts'
import { ltxDecoderStage, ltxEncoder } from '../../models/ltx-vae/vae.ts'
import { memoize } from '../../src/memoize.ts'
import { createGenerator, type NoiseGenerator } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { graphRunner } from '../graph-session.ts'
import { decodeInParts } from '../ltx-decoding.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'

const runGraph = graphRunner()
const runEncoder = graphRunner(['mean', 'logvar'])

type Shape5 = [batch: number, channels: number, frames: number, height: number, width: number]

const load = memoize(async (folder: string) => {
  const config = ltxVaeConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
  const weights = await openWeights(folder)
  const ledger = new WeightLedger(weights)
  const stages = decoderStages(config).map((_, index) => {
    return ltxDecoderStage(config, index, ledger.graph(`decoder ${index}`), 'f32')
  })
  const encoder = ltxEncoder(config, 'whole', ledger.graph('encoder'), 'f32')
  ledger.assertAllUsed()
  const stored = readFixtureTensors(weights.files[0]!)
  const statistics = { mean: float32Of(stored, 'latents_mean'), deviation: float32Of(stored, 'latents_std') }
  return { config, stages, encoder, statistics }
})

type Vae = Awaited<ReturnType<typeof load>>

/** Noise that the decoder injects, drawn in its order. */
function injectedFeeds(
  config: LtxVaeConfig,
  latents: Tensor,
  generator: NoiseGenerator,
): Record<string, Tensor> {
  const [, , height, width] = latents.shape as [number, number, number, number]
  const noises = injectedNoiseSizes(config, { height, width }).map((size, index) => {
    return [`injected.${index}`, tensor('f32', size, generator.randn(size[0] * size[1]))]
  })
  return Object.fromEntries(noises)
}

/** A timestep without noise in the latents. */
function timestepFeeds(timestep: Tensor | undefined, latents: Tensor): Record<string, Tensor> {
  if (!timestep) return {}
  const noise = tensor('f32', latents.shape, new Float32Array(latents.data.length))
  return { timestep, noise, 'noise.scale': tensor('f32', [1], Float32Array.of(0)) }
}

/** Latents as the VAE sees them [1, channels, frames, h, w] → as the transformer gives them, without the batch. */
function normalized(source: Tensor, { statistics, config }: Vae): Tensor {
  const [, channels, frames, height, width] = source.shape as Shape5
  const size = frames * height * width
  const data = (source.data as Float32Array).map((value, index) => {
    const channel = Math.floor(index / size)
    return ((value - statistics.mean[channel]!) * config.scaling_factor) / statistics.deviation[channel]!
  })
  return tensor('f32', [channels, frames, height, width], data)
}

/** [1, channels, frames, h, w] → [frames, channels, h, w]. */
function framesFirst(source: Tensor): Tensor {
  const [, channels, frames, h, w] = source.shape as Shape5
  const result = new Float32Array(source.data.length)
  for (let c = 0; c < channels; c++) {
    for (let f = 0; f < frames; f++) {
      const from = (c * frames + f) * h * w
      const plane = (source.data as Float32Array).subarray(from, from + h * w)
      result.set(plane, (f * channels + c) * h * w)
    }
  }
  return tensor('f32', [frames, channels, h, w], result)
}

const modules = ['vae-ltx-090', 'vae-ltx-091', 'vae-ltx-095'].filter(name => hasFixture(`modules/${name}`))

describe.each(modules)('%s', name => {
  const about = JSON.parse(readFileSync(fixture(`modules/${name}/reference.json`), 'utf8'))
  const reference = readFixtureTensors(fixture(`modules/${name}/reference.safetensors`))
  const folder = path.join(fixture(`modules/${name}`), about.model)
  const keys = (about.frames as number[]).map(
    count => [count, `frames_${String(count).padStart(2, '0')}`] as const,
  )

  test.each(keys)('decodes to %d frames as diffusers does', async (count, key) => {
    const vae = await load(folder)
    const latents = normalized(reference.get(`${key}.decode_input`)!, vae)
    const injected = createGenerator(about.decode_global_seed[count])
    const timestep = reference.get(`${key}.decode_timestep`)
    const feeds = { ...timestepFeeds(timestep, latents), ...injectedFeeds(vae.config, latents, injected) }
    const expected = framesFirst(reference.get(`${key}.decoded`)!)
    for (const chunk of [1, latents.shape[1]!]) {
      const { decoded, frames } = await decodeInParts(vae, { latents, feeds, chunk, runGraph })
      expect(decoded.shape).toEqual(expected.shape)
      expect(relativeError(decoded.data, expected.data as Float32Array)).toBeLessThan(1e-4)
      expect(frames.length).toBe(count * 3 * expected.shape[2]! * expected.shape[3]!)
    }
  })

  test.each(keys)('encodes %d frames to the posterior of diffusers', async (_, key) => {
    const vae = await load(folder)
    const pictures = framesFirst(reference.get(`${key}.input`)!)
    const mean = reference.get(`${key}.mean`)!
    const noise = tensor('f32', mean.shape.slice(1), createGenerator(1).randn(mean.data.length))
    const result = await runEncoder(vae.encoder, { pictures, noise })
    const logvar = float32Of(reference, `${key}.logvar`)
    expect(relativeError(result.mean!.data as Float32Array, mean.data as Float32Array)).toBeLessThan(1e-4)
    // All channels have the variance of the first.
    expect(
      relativeError(result.logvar!.data as Float32Array, logvar.subarray(0, result.logvar!.data.length)),
    ).toBeLessThan(1e-4)
    const sample = (mean.data as Float32Array).map(
      (value, i) => value + Math.exp(logvar[i]! / 2) * noise.data[i]!,
    )
    const expected = normalized(tensor('f32', mean.shape, sample), vae)
    expect(relativeError(result.latents!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(
      1e-4,
    )
  })
})

const cases = [1, 2, 3].filter(number => hasFixture(`ltx-video/case-${number}.safetensors`))

test.each(cases)(
  'the video of ltx-video case %d comes out of its last latents and its seeds',
  async number => {
    const about = JSON.parse(await readFile(fixture(`ltx-video/case-${number}.json`), 'utf8'))
    const recorded = readFixtureTensors(fixture(`ltx-video/case-${number}.safetensors`))
    const vae = await load(fixture('ltx-video/model/vae'))
    const [, ...shape] = recorded.get('vae_decode_input')!.shape
    const packed = float32Of(recorded, 'final_latents')
    const channels = vae.config.latent_channels
    const latents = tensor('f32', shape, transposed(packed, packed.length / channels, channels))
    const generator = createGenerator(about.seed)
    generator.randn(packed.length) // The initial latents.
    const { decode_timestep, decode_noise_scale = decode_timestep } = about.call
    const feeds = {
      timestep: tensor('f32', [1], Float32Array.of(decode_timestep)),
      noise: tensor('f32', shape, generator.randn(packed.length)),
      'noise.scale': tensor('f32', [1], Float32Array.of(decode_noise_scale)),
      ...injectedFeeds(vae.config, latents, createGenerator(about.global_seed)),
    }
    const { decoded, frames } = await decodeInParts(vae, { latents, feeds, chunk: 1, runGraph })
    const expected = framesFirst(recorded.get('decoded_video')!)
    expect(relativeError(decoded.data, expected.data as Float32Array)).toBeLessThan(1e-4)
    const pixels = recorded.get('frames_uint8')!.data as Uint8Array
    expect(frames.every((level, i) => Math.abs(level - pixels[i]!) <= 1)).toBe(true)
  },
)

/** Rows into columns. */
function transposed(source: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(
    { length: source.length },
    (_, i) => source[(i % rows) * columns + Math.floor(i / rows)]!,
  )
}

test('lists that are shorter than the blocks are refused by name', () => {
  const parsed = ltxVaeConfig.safeParse({ decoder_block_out_channels: [128, 256, 512, 512, 1024] })
  expect(parsed.error?.issues.map(issue => issue.path[0])).toContain('upsample_factor')
})
