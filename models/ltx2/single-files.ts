/** LTX-2, LTX-2.3 and LTX-2.5 as single files: their parts, what a model of them needs, and what is assumed where they do not tell. */
import type {
  FilePart,
  NeededPart,
  PartTensors,
  SingleFileModel,
  SingleFiles,
} from '../../src/pipeline/family.ts'
import { gemma3Class, gemma4Class, gemmaPart } from '../gemma/file.ts'
import { connectorKey, projectionKey } from './file-names.ts'
import { connectorsPart, partition, projectionIn, projectionPiece, transformerPart } from './file-parts.ts'
import { audioVaePart, vocoderPart } from './file-sound.ts'
import { vaePart } from './file-vae.ts'
import { publishedScheduler } from './published.ts'

export const ltx2SingleFiles: SingleFiles = { parts: partsOf, model: modelOf }

/** A section may hold several: connectors among the transformer's tensors, a projection among the text encoder's. */
function partsOf(section: PartTensors): FilePart[] {
  const withoutText = { ...section, tensors: partition(section.tensors, projectionKey).rest }
  const whole =
    transformerPart(withoutText) ??
    vaePart(section) ??
    audioVaePart(section) ??
    vocoderPart(section) ??
    gemmaPart(withoutText)
  const pieces = [connectorsPart(section), projectionIn(section)].filter(part => part !== undefined)
  const [first, ...others] = pieces
  if (whole || !first) return whole ? [whole, ...pieces] : []
  // What else stands there has to be accounted for, too.
  const { rest } = partition(withoutText.tensors, connectorKey)
  return [{ ...first, tensors: new Map([...first.tensors, ...rest]) }, ...others]
}

/** What was published apart for each release. */
const published = {
  '2.0': {
    repository: 'Lightricks/LTX-2',
    files: 'Kijai/LTXV2_comfy',
    vae: 'VAE/LTX2_video_vae_bf16.safetensors',
    audioVae: 'VAE/LTX2_audio_vae_bf16.safetensors',
    connectors: 'text_encoders/ltx-2-19b-embeddings_connector_dev_bf16.safetensors',
    levels: 3,
    vocoder: 'LTX2Vocoder',
  },
  '2.3': {
    repository: 'Lightricks/LTX-2.3',
    files: 'Kijai/LTX2.3_comfy',
    vae: 'vae/LTX23_video_vae_bf16.safetensors',
    audioVae: 'vae/LTX23_audio_vae_bf16.safetensors',
    connectors: 'text_encoders/ltx-2.3_text_projection_bf16.safetensors',
    levels: 4,
    vocoder: 'LTX2VocoderWithBWE',
  },
  '2.5': {
    repository: 'Lightricks/LTX-2.5',
    files: 'Lightricks/LTX-2.5',
    vae: 'vae/ltx-2.5-video-vae-conv-bf16.safetensors',
    audioVae: 'vae/ltx-2.5-audio-vae-bf16.safetensors',
    connectors: 'text_encoders/gemma4-12b-with-proj-ltx-2.5-bf16.safetensors',
    levels: 4,
    vocoder: 'LTX2VocoderWithBWE',
  },
} as const

type Release = keyof typeof published

/** The network's files, which hold the connectors, too, from 2.3 on. */
const networks = {
  '2.0': 'ltx-2-19b-dev.safetensors',
  '2.3': 'ltx-2.3-22b-dev.safetensors',
  '2.5': 'diffusion_models/ltx-2.5-22b-dev-transformer-bf16.safetensors',
} as const

/** By the tensors: 2.3 modulates the attention to the text by time, and 2.5 has no bias in the video's feed-forward layers. */
function releaseOf({ config }: FilePart): Release {
  if (config.ff_bias === false) return '2.5'
  return config.cross_attn_mod ? '2.3' : '2.0'
}

/** Field of a part's config as a number. */
const field = ({ config }: FilePart, name: string) => config[name] as number

function widthOf({ config }: FilePart): number {
  return (config.text_config as { hidden_size: number }).hidden_size
}

function statesOf({ config }: FilePart): number {
  return (config.text_config as { num_hidden_layers: number }).num_hidden_layers + 1
}

function modelOf([transformer]: readonly [FilePart, ...FilePart[]]): SingleFileModel {
  const release = releaseOf(transformer)
  const { model_version: version } = transformer.config
  return {
    variant: release === '2.0' ? 'LTX-2' : `LTX-${release}`,
    index: () => ({ _class_name: 'LTX2Pipeline', ...(version !== undefined && { model_version: version }) }),
    configs: parts => ({ scheduler: publishedScheduler, connectors: textSizes(parts) }),
    needs: needsOf(transformer, release),
    tokenizers:
      release === '2.5' ? ['google/gemma-4-12B-it'] : ['Lightricks/LTX-2/tokenizer', 'google/gemma-3-12b-it'],
    assumed: [
      `sampler: Euler with the shift of the ${published[release].repository} repository; --sampler and --shift change it, and distilled networks take --sigmas and --guidance 1`,
    ],
  }
}

/** The connectors' share of the text encoder: the projection takes all of its states side by side. */
function textSizes(parts: ReadonlyMap<string, FilePart>): object {
  const encoder = parts.get('text_encoder')
  return encoder ? { caption_channels: widthOf(encoder), text_proj_in_factor: statesOf(encoder) } : {}
}

function needsOf(transformer: FilePart, release: Release): NeededPart[] {
  const of = published[release]
  const name = release === '2.0' ? 'LTX-2' : `LTX-${release}`
  const width = transformer.config.caption_channels ?? 3840
  const apart = transformer.config.use_prompt_embeddings === false
  const later = release === '2.5'
  const [channels, sound] = [field(transformer, 'in_channels'), field(transformer, 'audio_in_channels')]
  const heads = ['video', 'audio'].map(stream => {
    const prefix = stream === 'video' ? '' : 'audio_'
    return [stream, field(transformer, `${prefix}cross_attention_dim`)] as const
  })
  const connectors = { component: 'connectors', repository: of.files, file: of.connectors }
  const sounds = { repository: of.files, file: of.audioVae }
  return [
    {
      component: 'text_encoder',
      what: later ? 'the Gemma 4 of LTX-2.5' : `Gemma 3 of width ${width}`,
      repository: later ? of.repository : 'Comfy-Org/ltx-2',
      file: later ? of.connectors : 'split_files/text_encoders/gemma_3_12B_it_fp8_scaled.safetensors',
      // Gemma 4 may have any width: the projection fits it or not.
      fits: part =>
        later ? part.listed[1] === gemma4Class : part.listed[1] === gemma3Class && widthOf(part) === width,
    },
    {
      ...connectors,
      piece: projectionPiece,
      what: `the projection of the text of an ${name} model`,
      fits: ({ config }) =>
        config.per_modality_projections === apart &&
        (later || field({ config } as FilePart, 'columns') % Number(width) === 0),
    },
    {
      ...connectors,
      // Files of 2.3 have them beside the transformer; what is published apart is the projection.
      ...(apart && { repository: of.repository, file: networks[release] }),
      beside: { component: 'connectors', piece: projectionPiece },
      what: `the connectors of an ${name} model`,
      fits: part =>
        heads.every(([stream, model]) => {
          const wide =
            field(part, `${stream}_connector_num_attention_heads`) *
            field(part, `${stream}_connector_attention_head_dim`)
          return wide === (apart ? model : width)
        }),
    },
    {
      component: 'vae',
      what: `an ${name} VAE of ${channels} channels${later ? ' with the convolutional decoder' : ''}`,
      repository: of.files,
      file: of.vae,
      fits: ({ config, listed }) =>
        listed[1] === 'AutoencoderKLLTX2Video' &&
        config.latent_channels === channels &&
        (config.decoder_block_out_channels as readonly number[]).length === of.levels,
    },
    {
      ...sounds,
      component: 'vocoder',
      what: `the vocoder of an ${name} model`,
      fits: ({ listed }) => listed[1] === of.vocoder,
    },
    {
      ...sounds,
      component: 'audio_vae',
      what: `an audio VAE of ${sound} values a latent frame`,
      fits: part => field(part, 'base_channels') === sound,
      beside: { component: 'vocoder' },
    },
  ]
}
