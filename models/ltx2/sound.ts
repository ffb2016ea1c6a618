/**
 * The sound of LTX-2: what its family puts into `ModelFacts.sound`, graphs and ignored tensors. The latents of the stream are
 * [channels, frames, bins / 4], in which order their noise is drawn; the transformer's tokens are [frames, channels · bins / 4].
 */
import { CheckpointError } from '../../src/errors.ts'
import type { CheckpointConfigs, GraphRecipe, Model, SoundFacts } from '../../src/pipeline/family.ts'
import { configPlace, readConfig } from '../../src/weights/read-config.ts'
import {
  audioCompression,
  type Ltx2AudioVaeConfig,
  type Ltx2VocoderConfig,
  latentBins,
  ltx2AudioVaeConfig,
  ltx2VocoderConfig,
  samplesPerFrame,
} from './audio-config.ts'
import { ltx2AudioDecoder } from './audio-vae.ts'
import { audioVaeContext, vocoderContext } from './sound-context.ts'
import { audioFrames } from './sound-latents.ts'
import { ltx2Vocoder } from './vocoder.ts'

/** Spectra that a part of a long sound has, beside its context: about five seconds. */
const partSpectra = 512

export interface Ltx2Sound {
  /** `ModelFacts.sound`. */
  readonly facts: SoundFacts
  /** Those of the components `audio_vae` and `vocoder`. */
  readonly graphs: readonly GraphRecipe[]
  readonly ignoredTensors: Model['ignoredTensors']
  readonly audioVae: Ltx2AudioVaeConfig
}

/**
 * Reads the components that make sound.
 * @param stream index of the sound among the model's streams
 * @throws CheckpointError for a component that is missing or cannot be run, and for two of different models
 */
export function ltx2Sound(checkpoint: CheckpointConfigs, stream: number): Ltx2Sound {
  const audioVae = readConfig(ltx2AudioVaeConfig, checkpoint, 'audio_vae', {
    classes: ['AutoencoderKLLTX2Audio'],
  })
  const vocoder = readConfig(ltx2VocoderConfig, checkpoint, 'vocoder', {
    classes: ['LTX2Vocoder', 'LTX2VocoderWithBWE'],
  })
  checkTogether(audioVae, vocoder, configPlace(checkpoint, 'vocoder'))
  const { rate, generator } = vocoder
  const { latent_channels: channels, sample_rate, mel_hop_length } = audioVae
  const latents = {
    channels,
    bins: latentBins(audioVae),
    rate: sample_rate / mel_hop_length / audioCompression,
  }
  return {
    facts: {
      stream,
      rate,
      channels: generator.out_channels,
      decoder: [
        {
          graph: 'audio-decoder',
          axes: [1, 1],
          perStep: audioCompression,
          fewer: audioCompression - 1,
          context: [audioVaeContext(audioVae), 0],
          chunk: partSpectra / audioCompression,
        },
        {
          graph: 'vocoder',
          axes: [1, 1],
          perStep: rate / (sample_rate / mel_hop_length),
          fewer: 0,
          context: [vocoderContext(vocoder), vocoderContext(vocoder)],
          chunk: partSpectra,
        },
      ],
      latentShape: clip => [latents.channels, audioFrames(latents, clip), latents.bins],
    },
    graphs: [
      {
        name: 'audio-decoder',
        component: 'audio_vae',
        role: 'vae',
        build: weights => ltx2AudioDecoder(audioVae, weights),
      },
      {
        name: 'vocoder',
        component: 'vocoder',
        role: 'vae',
        build: weights => ltx2Vocoder(vocoder, audioVae.output_channels, weights),
      },
    ],
    // Sound is never encoded, and spectrograms are not turned back.
    ignoredTensors: { audio_vae: [/^encoder\./], vocoder: [/^mel_stft\.stft_fn\.inverse_basis$/] },
    audioVae,
  }
}

/** @throws CheckpointError for a vocoder that takes other spectrograms than the VAE makes */
function checkTogether(
  { output_channels, mel_bins, sample_rate, mel_hop_length }: Ltx2AudioVaeConfig,
  { generator, generatorRate, extension }: Ltx2VocoderConfig,
  file: string,
): void {
  const spectra = sample_rate / mel_hop_length
  const rates = extension ? 'input_sampling_rate' : 'output_sampling_rate'
  const fits = [
    [
      'in_channels',
      generator.in_channels,
      output_channels * mel_bins,
      'output_channels · mel_bins of audio_vae',
    ],
    [
      rates,
      generatorRate,
      samplesPerFrame(generator) * spectra,
      `${samplesPerFrame(generator)} samples for each of the ${spectra} spectra a second of audio_vae`,
    ],
  ] as const
  for (const [field, got, expected, of] of fits) {
    if (got === expected) continue
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} ${field}`,
      expected: `${expected}, ${of}`,
      got: String(got),
      advice: 'The audio VAE and the vocoder are of different models: put the ones of one model together.',
    })
  }
}
