import path from 'node:path'
import { z } from 'zod'
import type { CheckpointConfigs, GraphRecipe, Model, ModelFacts } from '../../src/pipeline/family.ts'
import { linearSigmas } from '../../src/sampling/schedules/spacings.ts'
import { type ComponentFit, checkFit } from '../../src/weights/check-fit.ts'
import { readConfig } from '../../src/weights/read-config.ts'
import type { GemmaConfig } from '../gemma/config.ts'
import { gemmaEncoder, gemmaIgnored } from '../gemma/encoder.ts'
import { gemmaSchema } from '../gemma/schema.ts'
import { compression } from '../ltx-vae/config.ts'
import { ltxDecoderFacts, ltxEncoderFacts, ltxVaeGraphs } from '../ltx-vae/graphs.ts'
import { ltxUpsamplerFormat } from '../ltx-vae/upsampler.ts'
import { ltx2Caption } from './caption.ts'
import {
  type Ltx2ConnectorsConfig,
  type Ltx2TransformerConfig,
  type Ltx2VaeConfig,
  ltx2ConnectorsConfig,
  ltx2TransformerConfig,
  ltx2UpsamplerConfig,
  ltx2VaeConfig,
  streamNames,
  textWidth,
  widthsOf,
} from './config.ts'
import { ltx2Connectors } from './connectors.ts'
import { ltx2Denoiser } from './denoiser.ts'
import { ltx2Guidance, ltx2Takes } from './guidance.ts'
import { laterStages } from './later-stages.ts'
import { ltx2ConnectorNames, ltx2OriginalNames, ltx2VariantTensors } from './original-names.ts'
import { anyFrame, ltx2Modes } from './pipelines.ts'
import { ltx2Sound } from './sound.ts'
import type { SoundLatents } from './sound-latents.ts'
import { ltx2TextConditioner, ltx2TextTokens } from './text.ts'
import { ltx2Transformer } from './transformer.ts'
import { conditionLtx2 } from './visual.ts'

interface Ltx2Configs {
  readonly textEncoder: GemmaConfig
  readonly connectors: Ltx2ConnectorsConfig
  readonly transformer: Ltx2TransformerConfig
  readonly vae: Ltx2VaeConfig
  readonly sound: SoundLatents
}

/** Reads the configs of a checkpoint of LTX-2. @throws CheckpointError for a config that cannot be run */
export function loadLtx2(checkpoint: CheckpointConfigs): Model {
  const configs = readLtx2Configs(checkpoint)
  const { textEncoder, connectors, transformer, vae, sound } = configs
  const made = hasSound(checkpoint) ? ltx2Sound(checkpoint, streamNames.indexOf('audio')) : undefined
  const facts = { ...factsOf(configs, checkpoint), ...(made && { sound: made.facts }) }
  const visual = { facts, transformer, sound, anyFrame: isAnyFrame(checkpoint) }
  return {
    facts,
    graphs: [...graphsOf(configs), ...(made?.graphs ?? [])],
    ignoredTensors: {
      text_encoder: gemmaIgnored,
      // The guess of a clip's length, of 2.5.
      connectors: [/^duration_head\./],
      transformer: [/^keyframes_abs_pos_embedding$/],
      ...made?.ignoredTensors,
    },
    keepsPrecision: [/^(?!transformer_blocks\.)/, /\.to_gate_logits\./],
    tensorNames: { originalNames: ltx2OriginalNames, variantTensors: ltx2VariantTensors },
    adaptable: { connectors: { originalNames: ltx2ConnectorNames, variantTensors: [] } },
    spacing: steps => ({ sigmas: linearSigmas(steps) }),
    conditionText: ltx2TextConditioner({
      tokenizer: checkpoint.tokenizer ?? path.join(checkpoint.folder, 'tokenizer'),
      textEncoder,
      connectors,
      projected: transformer.use_prompt_embeddings,
    }),
    conditionVisual: (inputs, context) => conditionLtx2(visual, inputs, context),
    denoiser: (shapes, plan) => ltx2Denoiser(transformer, shapes, plan),
    guide: (guidance, at) => ltx2Guidance(transformer, guidance, at),
    laterStages,
    decoderFeeds: () => ({}),
    upsampler: ltxUpsamplerFormat(vae, 'LTX2LatentUpsamplerModel', ltx2UpsamplerConfig),
  }
}

function isAnyFrame({ index }: CheckpointConfigs): boolean {
  return index._class_name === anyFrame.name
}

/** Whether a checkpoint has the parts that make sound; without both its videos are silent. */
function hasSound({ components }: CheckpointConfigs): boolean {
  return components.audio_vae !== undefined || components.vocoder !== undefined
}

const audioVaeFields = z.object({
  latent_channels: z.number().int().positive().default(8),
  mel_bins: z.number().int().positive().multipleOf(4).default(64),
  sample_rate: z.number().positive().default(16_000),
  mel_hop_length: z.number().positive().default(160),
})

function readLtx2Configs(checkpoint: CheckpointConfigs): Ltx2Configs {
  const read = <T>(schema: z.ZodType<T>, component: string, ...classes: string[]) => {
    return readConfig(schema, checkpoint, component, classes.length > 0 ? { classes } : {})
  }
  const audio =
    checkpoint.components.audio_vae === undefined
      ? audioVaeFields.parse({})
      : read(audioVaeFields, 'audio_vae', 'AutoencoderKLLTX2Audio')
  const transformer = read(ltx2TransformerConfig, 'transformer', 'LTX2VideoTransformer3DModel')
  const configs = {
    textEncoder: read(gemmaSchema(checkpoint.components.text_encoder), 'text_encoder'),
    connectors: read(ltx2ConnectorsConfig, 'connectors', 'LTX2TextConnectors'),
    transformer,
    vae: read(ltx2VaeConfig, 'vae', 'AutoencoderKLLTX2Video'),
    sound: {
      channels: audio.latent_channels,
      bins: audio.mel_bins / 4,
      rate: audio.sample_rate / audio.mel_hop_length / transformer.audio_scale_factor,
    },
  }
  checkFit(checkpoint, fitsOf(configs))
  return configs
}

/** What the components have to agree on. */
function fitsOf({ textEncoder, connectors, transformer, vae, sound }: Ltx2Configs): ComponentFit[] {
  const model = widthsOf(transformer)
  const layers = textEncoder.layers.length + 1
  const texts = streamNames.map((stream): ComponentFit => {
    const wanted = transformer.use_prompt_embeddings ? transformer.caption_channels : model[stream]
    const got = textWidth(connectors, stream)
    return ['connectors', `${stream}_hidden_dim`, got, wanted, 'what the transformer takes']
  })
  const soundWidth = sound.channels * sound.bins
  return [
    [
      'connectors',
      'caption_channels',
      connectors.caption_channels,
      textEncoder.width,
      'the width of the text encoder',
    ],
    [
      'connectors',
      'text_proj_in_factor',
      connectors.text_proj_in_factor,
      layers,
      'the layers of the text encoder and 1',
    ],
    ...texts,
    ['transformer', 'in_channels', transformer.in_channels, vae.latent_channels, 'the channels of the VAE'],
    [
      'transformer',
      'audio_in_channels',
      transformer.audio_in_channels,
      soundWidth,
      'the latents of the audio VAE',
    ],
  ]
}

/**
 * What is not checked of a release after 2.3; undefined for those before. 2.5 has Gemma 4, and no bias in the video's
 * feed-forward layers; files of the makers have the release in their header.
 */
function afterLtx23(
  { textEncoder, transformer }: Pick<Ltx2Configs, 'textEncoder' | 'transformer'>,
  { model_version: version }: CheckpointConfigs['index'],
): string | undefined {
  const [major = 0, minor = 0] = typeof version === 'string' ? version.split(/[.-]/).map(Number) : []
  const later = major > 2 || (major === 2 && minor > 3)
  if (!later && textEncoder.firstToken === undefined && transformer.ff_bias) return undefined
  return `an LTX-${later ? `${major}.${minor}` : '2.5'}, of which only small random weights were compared with diffusers`
}

/** Sizes, steps and guidance are diffusers' defaults. */
function factsOf({ vae, ...networks }: Ltx2Configs, checkpoint: CheckpointConfigs): ModelFacts {
  const experimental = afterLtx23(networks, checkpoint.index)
  const { spatial, temporal } = compression(vae)
  return {
    family: 'ltx2',
    streams: streamNames,
    geometry: {
      spatialStride: spatial,
      temporalStride: temporal,
      patch: [1, 1, 1],
      // A mirrored edge takes a second row.
      ...(vae.decoder_spatial_padding_mode === 'reflect' && { smallestSide: 2 }),
    },
    latentChannels: vae.latent_channels,
    defaults: {
      width: 768,
      height: 512,
      frames: 121,
      fps: 24,
      steps: 30,
      guidance: 3,
      guidanceRescale: 0.7,
      negativePrompt: '',
      // Pictures were compressed less in training from 2.4 on (Lightricks' `detect_params`).
      ...(experimental && { pictureCrf: 18 }),
      ...checkpoint.defaults,
    },
    trained: checkpoint.trained,
    textTokens: ltx2TextTokens,
    countedFromEnd: 'latents',
    // A first frame alone is stretched, as in diffusers' pipeline for it.
    covers: ({ keyframes, lastImage }) =>
      isAnyFrame(checkpoint) || keyframes.length > 0 || lastImage !== undefined,
    scheduler: checkpoint.components.scheduler,
    keepsLevels: true,
    experts: [{ graph: 'transformer', fromTimestep: 0 }],
    ...ltxDecoderFacts(vae),
    ...ltxEncoderFacts(vae),
    ...ltx2Modes,
    takes: ltx2Takes,
    ...(experimental && { experimental }),
  }
}

function graphsOf({ textEncoder, connectors, transformer, vae, sound }: Ltx2Configs): GraphRecipe[] {
  const caption: GraphRecipe = {
    name: 'caption',
    component: 'transformer',
    role: 'transformer',
    build: (weights, precision) => ltx2Caption(transformer, weights, precision),
  }
  return [
    {
      name: 'text-encoder',
      component: 'text_encoder',
      role: 'text-encoder',
      build: (weights, precision) => gemmaEncoder(textEncoder, weights, precision),
    },
    {
      name: 'connectors',
      component: 'connectors',
      role: 'text-encoder',
      build: (weights, precision) => ltx2Connectors(connectors, weights, precision),
    },
    ...(transformer.use_prompt_embeddings ? [caption] : []),
    {
      name: 'transformer',
      component: 'transformer',
      role: 'transformer',
      build: (...given) => ltx2Transformer(transformer, sound.channels, ...given),
    },
    ...ltxVaeGraphs(vae),
  ]
}
