/** LTX-2 and LTX-2.3 as single files: their parts, what a model of them needs, and what is assumed where they do not tell. */
import { CheckpointError } from '../../src/errors.ts'
import type {
  FilePart,
  NeededPart,
  PartTensors,
  SingleFileModel,
  SingleFiles,
} from '../../src/pipeline/family.ts'
import { gemma3Part } from '../gemma/file.ts'
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
    gemma3Part(withoutText)
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
} as const

/** Field of a part's config as a number. */
const field = ({ config }: FilePart, name: string) => config[name] as number

function widthOf({ config }: FilePart): number {
  return (config.text_config as { hidden_size: number }).hidden_size
}

function statesOf({ config }: FilePart): number {
  return (config.text_config as { num_hidden_layers: number }).num_hidden_layers + 1
}

function modelOf([transformer]: readonly [FilePart, ...FilePart[]]): SingleFileModel {
  if (transformer.config.ff_bias === false) {
    throw new CheckpointError('checkpoint/config', {
      subject: 'transformer',
      expected: 'that of LTX-2 or LTX-2.3, as single files',
      got: 'that of LTX-2.5, whose text encoder is Gemma 4',
      advice: 'Use a file of LTX-2.3.',
    })
  }
  const release = transformer.config.cross_attn_mod ? '2.3' : '2.0'
  return {
    variant: release === '2.3' ? 'LTX-2.3' : 'LTX-2',
    index: () => ({ _class_name: 'LTX2Pipeline' }),
    configs: parts => ({ scheduler: publishedScheduler, connectors: textSizes(parts) }),
    needs: needsOf(transformer, published[release]),
    tokenizers: ['Lightricks/LTX-2/tokenizer', 'google/gemma-3-12b-it'],
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

function needsOf(transformer: FilePart, of: (typeof published)['2.0' | '2.3']): NeededPart[] {
  const width = transformer.config.caption_channels ?? 3840
  const apart = transformer.config.use_prompt_embeddings === false
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
      what: `Gemma 3 of width ${width}`,
      repository: 'Comfy-Org/ltx-2',
      file: 'split_files/text_encoders/gemma_3_12B_it_fp8_scaled.safetensors',
      fits: part => part.listed[1] === 'Gemma3ForConditionalGeneration' && widthOf(part) === width,
    },
    {
      ...connectors,
      piece: projectionPiece,
      what: `the projection of the text of an LTX-${apart ? '2.3' : '2'} model`,
      fits: ({ config }) =>
        config.per_modality_projections === apart &&
        field({ config } as FilePart, 'columns') % Number(width) === 0,
    },
    {
      ...connectors,
      // Files of 2.3 have them beside the transformer; what is published apart is the projection.
      ...(apart && { repository: of.repository, file: 'ltx-2.3-22b-dev.safetensors' }),
      beside: { component: 'connectors', piece: projectionPiece },
      what: `the connectors of an LTX-${apart ? '2.3' : '2'} model`,
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
      what: `an LTX-${apart ? '2.3' : '2'} VAE of ${channels} channels`,
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
      what: `the vocoder of an LTX-${apart ? '2.3' : '2'} model`,
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
