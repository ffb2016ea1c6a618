import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Ltx2AudioVaeConfig,
  ltx2AudioVaeConfig,
  ltx2VocoderConfig,
} from '../../models/ltx2/audio-config.ts'
import { ltx2AudioDecoder } from '../../models/ltx2/audio-vae.ts'
import { ltx2Vocoder } from '../../models/ltx2/vocoder.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { runGraph } from '../graph-session.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'

const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8'))

async function loadDecoder(folder: string) {
  const config = ltx2AudioVaeConfig.parse(await readJson(`${folder}/config.json`))
  const weights = await openWeights(folder)
  const ledger = new WeightLedger(weights)
  const graph = ltx2AudioDecoder(config, ledger.graph('decoder'))
  expect(ledger.unused().filter(key => !key.startsWith('encoder.'))).toEqual([])
  return { config, graph }
}

async function loadVocoder(folder: string, { output_channels }: Ltx2AudioVaeConfig) {
  const config = ltx2VocoderConfig.parse(await readJson(`${folder}/config.json`))
  const ledger = new WeightLedger(await openWeights(folder))
  const graph = ltx2Vocoder(config, output_channels, ledger.graph('vocoder'))
  expect(ledger.unused().filter(key => !key.endsWith('inverse_basis'))).toEqual([])
  return { config, graph }
}

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
  const vocoder = await loadVocoder(path.join(model, 'vocoder'), decoder.config)
  const latents = unpacked(tensors.get('final_audio_latents')!, decoder.config.latent_channels)
  const { mel } = await runGraph(decoder.graph, { latents })
  expect(mel!.shape).toEqual(tensors.get('mel')!.shape.slice(1))
  expect(relativeError(mel!.data as Float32Array, float32Of(tensors, 'mel'))).toBeLessThan(1e-5)
  const { waveform } = await runGraph(vocoder.graph, { mel: mel! })
  expect(waveform!.shape).toEqual(tensors.get('waveform')!.shape.slice(1))
  expect(relativeError(waveform!.data as Float32Array, float32Of(tensors, 'waveform'))).toBeLessThan(1e-5)
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
    const { audio_vae: vae, vocoder } = await readJson(fixture(`published/${version}.json`))
    await synthesizeWeights(vae.tensors, path.join(folder, 'vae'))
    await synthesizeWeights(vocoder.tensors, path.join(folder, 'vocoder'))
    const vaeLedger = new WeightLedger(await openWeights(path.join(folder, 'vae')))
    const vocoderLedger = new WeightLedger(await openWeights(path.join(folder, 'vocoder')))
    const config = ltx2AudioVaeConfig.parse(vae.config)
    const started = performance.now()
    ltx2AudioDecoder(config, vaeLedger.graph('decoder'))
    ltx2Vocoder(
      ltx2VocoderConfig.parse(vocoder.config),
      config.output_channels,
      vocoderLedger.graph('vocoder'),
    )
    expect(performance.now() - started).toBeLessThan(1000)
    expect(vaeLedger.unused().filter(key => !key.startsWith('encoder.'))).toEqual([])
    expect(vocoderLedger.unused().filter(key => key !== 'mel_stft.stft_fn.inverse_basis')).toEqual([])
  })
})
