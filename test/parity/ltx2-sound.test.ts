import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ltx2AudioVaeConfig, ltx2VocoderConfig } from '../../models/ltx2/audio-config.ts'
import { ltx2AudioDecoder } from '../../models/ltx2/audio-vae.ts'
import { ltx2Sound } from '../../models/ltx2/sound.ts'
import { ltx2Vocoder } from '../../models/ltx2/vocoder.ts'
import { tensorsOf } from '../../src/benchmark/synthetic.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { memoize } from '../../src/memoize.ts'
import type { CheckpointConfigs } from '../../src/pipeline/family.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { unitValues } from '../../src/weights/random-weights.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { keptGraphRunner } from '../kept-backend.ts'
import { publishedComponents } from '../published.ts'
import { quietSeconds } from '../quiet-seconds.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'

const scratch = scratchFolder()
const runGraph = keptGraphRunner()
const results = readFixtureTensors(fixture('sound/results.safetensors'))

const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8'))

const loadDecoder = memoize(async (folder: string) => {
  const config = ltx2AudioVaeConfig.parse(await readJson(`${folder}/config.json`))
  const weights = await openWeights(folder)
  const ledger = new WeightLedger(weights)
  const graph = ltx2AudioDecoder(config, ledger.graph('decoder'))
  expect(ledger.unused().filter(key => !key.startsWith('encoder.'))).toEqual([])
  return { config, graph }
})

interface VocoderPlace {
  readonly folder: string
  readonly outputChannels: number
}

const loadVocoder = memoize(async ({ folder, outputChannels }: VocoderPlace) => {
  const config = ltx2VocoderConfig.parse(await readJson(`${folder}/config.json`))
  const ledger = new WeightLedger(await openWeights(folder))
  const graph = ltx2Vocoder(config, outputChannels, ledger.graph('vocoder'))
  expect(ledger.unused().filter(key => !key.endsWith('inverse_basis'))).toEqual([])
  return { config, graph }
}, JSON.stringify)

/** Packed latents [1, frames, channels · bins] → [channels, frames, bins]. */
function unpacked(packed: Tensor, channels: number): Tensor {
  const [, frames, width] = packed.shape as [number, number, number]
  const bins = width / channels
  const data = Float32Array.from({ length: packed.data.length }, (_, index) => {
    const [channel, frame, bin] = [
      Math.floor(index / (frames * bins)),
      Math.floor(index / bins) % frames,
      index % bins,
    ]
    return (packed.data as Float32Array)[frame * width + channel * bins + bin]!
  })
  return tensor('f32', [channels, frames, bins], data)
}

const recorded = [
  ...[1, 2, 3, 4, 7].map(number => ({ folder: 'ltx2-t2v', model: 'ltx2-t2v', number })),
  ...[1, 2].map(number => ({ folder: 'ltx2-i2v', model: 'ltx2-t2v', number })),
  ...[1, 2].map(number => ({ folder: 'ltx2-condition', model: 'ltx2-t2v', number })),
  ...[1, 2].map(number => ({ folder: 'ltx2.3-t2v', model: 'ltx2.3-t2v', number })),
].filter(({ folder, number }) => hasFixture(`${folder}/case-${number}.safetensors`))

test.each(recorded)('the sound of $folder case $number comes out of its last latents', async each => {
  const tensors = readFixtureTensors(fixture(`${each.folder}/case-${each.number}.safetensors`))
  const model = fixture(`${each.model}/model`)
  const decoder = await loadDecoder(path.join(model, 'audio_vae'))
  const { output_channels: outputChannels } = decoder.config
  const vocoder = await loadVocoder({ folder: path.join(model, 'vocoder'), outputChannels })
  const latents = unpacked(tensors.get('final_audio_latents')!, decoder.config.latent_channels)
  const { mel } = await runGraph(decoder.graph, { latents })
  expect(mel!.shape).toEqual(tensors.get('mel')!.shape.slice(1))
  expect(relativeError(mel!.data as Float32Array, float32Of(tensors, 'mel'))).toBeLessThan(1e-5)
  const { waveform } = await runGraph(vocoder.graph, { mel: mel! })
  expect(waveform!.shape).toEqual(tensors.get('waveform')!.shape.slice(1))
  expect(relativeError(waveform!.data as Float32Array, float32Of(tensors, 'waveform'))).toBeLessThan(1e-5)
})

interface SeededSound {
  readonly audio_vae: object
  readonly vocoder: object
}

const seeded = Object.entries(
  JSON.parse(readFileSync(fixture('sound/models.json'), 'utf8')) as Record<string, SeededSound>,
)

/** A model folder's configs, as a family is given them. */
function checkpointOf(components: Readonly<Record<string, object>>): CheckpointConfigs {
  return { folder: 'model', index: {}, components: { ...components }, defaults: {} }
}

test.each(seeded)(
  'sound of %s: weights by a formula give the sound that diffusers makes',
  async (name, parts) => {
    const { facts, graphs, audioVae } = ltx2Sound(checkpointOf({ ...parts }), 1)
    const folder = path.join(scratch, name)
    const built: Record<string, Graph> = {}
    for (const recipe of graphs) {
      const own = path.join(folder, recipe.component)
      await synthesizeWeights(tensorsOf([recipe], 'f32'), own, { values: 'random' })
      built[recipe.name] = recipe.build(new WeightLedger(await openWeights(own)).graph(recipe.name), 'f32')
    }
    const shape = [audioVae.latent_channels, 2, audioVae.mel_bins / 4]
    const units = unitValues().subarray(0, elementCount(shape))
    // The VAE's statistics are those of random weights; the recorded latents are what it sees.
    const ledger = await openWeights(path.join(folder, 'audio_vae'))
    const statistics = readFixtureTensors(ledger.files[0]!)
    const [mean, deviation] = [float32Of(statistics, 'latents_mean'), float32Of(statistics, 'latents_std')]
    const latents = units.map((value, index) => {
      const [channel, bin] = [Math.floor(index / (2 * shape[2]!)), index % shape[2]!]
      const packed = channel * shape[2]! + bin
      return (value - mean[packed]!) / deviation[packed]!
    })
    let feeds: Record<string, Tensor> = { latents: tensor('f32', shape, latents) }
    for (const { graph } of facts.decoder) {
      feeds = await runGraph(built[graph]!, feeds)
      const [[output, result]] = Object.entries(feeds) as [[string, Tensor]]
      const expected = results.get(`${name}.${output}`)!
      expect(result.shape).toEqual(expected.shape)
      expect(relativeError(result.data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-5)
    }
  },
)

test.each([
  [
    { output_sampling_rate: 16000 },
    'output_sampling_rate: expected 24000, 240 samples for each of the 100 spectra',
  ],
  [{ in_channels: 24 }, 'in_channels: expected 16, output_channels · mel_bins of audio_vae, got 24'],
  [{ upsample_factors: [6, 5, 2, 2] }, 'has to have as many entries as upsample_factors'],
  [{ antialias: true }, 'antialias is for the activations snake and snakebeta'],
])('a vocoder with %j is refused', (change, message) => {
  const [, { audio_vae, vocoder }] = seeded[0]!
  expect(() => ltx2Sound(checkpointOf({ audio_vae, vocoder: { ...vocoder, ...change } }), 1)).toThrow(message)
})

test.each([
  [{ input_sampling_rate: 24000 }, 'bwe_upsample_factors has to have the product 160'],
  [{ hop_length: 96 }, 'hop_length has to divide 160'],
  [{ bwe_in_channels: 8 }, 'bwe_in_channels has to be 16'],
  [{ output_sampling_rate: 44100 }, 'output_sampling_rate has to be a multiple of input_sampling_rate'],
])('a vocoder that extends its band, with %j, is refused', (change, message) => {
  const [, { audio_vae, vocoder }] = seeded[1]!
  expect(() => ltx2Sound(checkpointOf({ audio_vae, vocoder: { ...vocoder, ...change } }), 1)).toThrow(message)
})

test.each([
  [{ sample_rate: 48000 }, 'expected 72000, 240 samples for each of the 300 spectra'],
  [{ attn_resolutions: [8] }, 'has to be empty'],
  [{ base_channels: 8 }, 'base_channels has to be latent_channels'],
])('an audio VAE with %j is refused', (change, message) => {
  const [, { audio_vae, vocoder }] = seeded[0]!
  expect(() => ltx2Sound(checkpointOf({ audio_vae: { ...audio_vae, ...change }, vocoder }), 1)).toThrow(
    message,
  )
})

test('an audio VAE of another rate than the vocoder is refused, with the rate that fits', () => {
  const [, { audio_vae, vocoder }] = seeded[1]!
  expect(() =>
    ltx2Sound(checkpointOf({ audio_vae: { ...audio_vae, sample_rate: 24000 }, vocoder }), 1),
  ).toThrow(
    'model/vocoder/config.json input_sampling_rate: expected 24000, 160 samples for each of the 150 spectra a second of audio_vae, got 16000.',
  )
})

test('a missing vocoder is named', () => {
  const [, { audio_vae }] = seeded[0]!
  expect(() => ltx2Sound(checkpointOf({ audio_vae }), 1)).toThrow('vocoder: expected a component')
})

test.each([
  [9, 24, 9],
  [17, 25, 17],
  [121, 24, 126],
  [1, 24, 1],
  // 25 a second, halves to even.
  [9, 50, 4],
  [11, 50, 6],
])('the sound of %d frames at %d fps has %d latent frames', (frames, fps, expected) => {
  const [, parts] = seeded[0]!
  expect(ltx2Sound(checkpointOf({ ...parts }), 1).facts.latentShape({ frames, fps })).toEqual([
    3,
    expected,
    2,
  ])
})

const versions = ['ltx2', 'ltx2.3'].filter(name => hasFixture(`published/${name}.json`))

describe.each(versions)('the published sound of %s', version => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'published-sound-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  test('becomes graphs that use every tensor, within a second', async () => {
    const { audio_vae: vae, vocoder } = publishedComponents(version)
    await synthesizeWeights(vae!.tensors, path.join(folder, 'vae'))
    await synthesizeWeights(vocoder!.tensors, path.join(folder, 'vocoder'))
    const vaeLedger = new WeightLedger(await openWeights(path.join(folder, 'vae')))
    const vocoderLedger = new WeightLedger(await openWeights(path.join(folder, 'vocoder')))
    const config = ltx2AudioVaeConfig.parse(vae!.config)
    const seconds = await quietSeconds(() => {
      ltx2AudioDecoder(config, vaeLedger.graph('decoder'))
      ltx2Vocoder(
        ltx2VocoderConfig.parse(vocoder!.config),
        config.output_channels,
        vocoderLedger.graph('vocoder'),
      )
    })
    expect(seconds).toBeLessThan(1)
    expect(vaeLedger.unused().filter(key => !key.startsWith('encoder.'))).toEqual([])
    expect(vocoderLedger.unused().filter(key => key !== 'mel_stft.stft_fn.inverse_basis')).toEqual([])
  })
})
