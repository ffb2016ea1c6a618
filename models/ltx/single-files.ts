/** LTX-Video as single files: what a part is, by its tensors, and what is assumed where they do not tell. */
import type { FilePart, PartTensors, SingleFileModel, SingleFiles } from '../../src/pipeline/family.ts'
import { layerCount, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { unusedStatistics } from '../ltx-vae/file-names.ts'
import { t5Part } from '../t5/file.ts'
import { transformerNames, vaeNames } from './file-names.ts'
import { vae091, vae095 } from './published.ts'

export const ltxSingleFiles: SingleFiles = {
  parts: tensors => {
    const part = transformerPart(tensors) ?? vaePart(tensors) ?? t5Part(tensors)
    return part ? [part] : []
  },
  model: modelOf,
}

/** Every published network has as many, whatever its width. */
const heads = 32

function transformerPart({ tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, transformerNames)
  const at = (key: string) => tensors.get(key)?.shape
  const input = at('proj_in.weight')
  const caption = at('caption_projection.linear_1.weight')
  if (!input || !caption || !at('transformer_blocks.0.attn1.to_q.weight')) return undefined
  // LTX-2 has the same names for its video, and more for its sound.
  if (stored.has('audio_patchify_proj.weight') || stored.has('audio_proj_in.weight')) return undefined
  const [width, channels] = input as [number, number]
  return {
    component: 'transformer',
    listed: ['diffusers', 'LTXVideoTransformer3DModel'],
    config: {
      in_channels: channels,
      out_channels: at('proj_out.weight')?.[0],
      num_attention_heads: heads,
      attention_head_dim: width / heads,
      cross_attention_dim: width,
      num_layers: layerCount(tensors.keys(), /^transformer_blocks\.(\d+)\./),
      caption_channels: caption[1],
      attention_bias: tensors.has('transformer_blocks.0.attn1.to_q.bias'),
      attention_out_bias: tensors.has('transformer_blocks.0.attn1.to_out.0.bias'),
    },
    tensors,
  }
}

type Release = keyof typeof vaeNames

function vaePart({ tensors: stored }: PartTensors): FilePart | undefined {
  const input = stored.get('decoder.conv_in.conv.weight')?.shape
  if (!input || !stored.has('decoder.up_blocks.0.res_blocks.0.conv1.conv.weight')) return undefined
  const release = releaseOf(stored)
  // From 0.9.5 on, a level begins with one convolution in place of a block; without timesteps, that is LTX-2's.
  if (release === '0.9.0' && stored.has('encoder.down_blocks.1.conv.conv.weight')) return undefined
  const tensors = renameTensors(stored, vaeNames[release])
  for (const key of tensors.keys()) if (unusedStatistics.test(key)) tensors.delete(key)
  return {
    component: 'vae',
    listed: ['diffusers', 'AutoencoderKLLTXVideo'],
    config: { latent_channels: input[1], ...configs[release](tensors) },
    tensors,
  }
}

/** 0.9.1 tells its decoder the timestep; from 0.9.5 on, the encoder changes resolution without a block of its own. */
function releaseOf(tensors: ReadonlyMap<string, TensorLocation>): Release {
  if (!tensors.has('decoder.last_time_embedder.timestep_embedder.linear_1.weight')) return '0.9.0'
  const noisy = [...tensors.keys()].some(key => key.endsWith('.per_channel_scale1'))
  return noisy ? '0.9.1' : '0.9.5'
}

const configs: Readonly<Record<Release, (tensors: ReadonlyMap<string, TensorLocation>) => object>> = {
  // diffusers' defaults are those of 0.9.0.
  '0.9.0': () => ({}),
  '0.9.1': config091,
  '0.9.5': () => vae095,
}

/** Of 0.9.1, blocks and widths are counted. */
function config091(tensors: ReadonlyMap<string, TensorLocation>): object {
  const keys = [...tensors.keys()]
  const blocksOf = (scope: string) => {
    const pattern = new RegExp(`^${scope.replaceAll('.', '\\.')}\\.resnets\\.(\\d+)\\.`)
    return layerCount(keys, pattern)
  }
  const widthOf = (scope: string) => tensors.get(`${scope}.resnets.0.conv1.conv.bias`)?.shape[0] ?? 0
  const decoder = ['decoder.up_blocks.2', 'decoder.up_blocks.1', 'decoder.up_blocks.0', 'decoder.mid_block']
  const encoder = [0, 1, 2, 3].map(level => `encoder.down_blocks.${level}`)
  const encodes = tensors.has('encoder.conv_in.conv.weight')
  return {
    ...vae091,
    // A level has half the width of the one before it, which counts as that level's.
    decoder_block_out_channels: decoder.slice(1).map(widthOf),
    decoder_layers_per_block: decoder.map(blocksOf),
    ...(encodes && {
      block_out_channels: encoder.map(widthOf),
      layers_per_block: [...encoder, 'encoder.mid_block'].map(blocksOf),
    }),
  }
}

function modelOf([transformer]: readonly [FilePart, ...FilePart[]]): SingleFileModel {
  const channels = transformer.config.in_channels as number
  const width = transformer.config.caption_channels as number
  return {
    variant: 'LTX-Video',
    index: parts => ({ _class_name: isLater(parts) ? 'LTXConditionPipeline' : 'LTXPipeline' }),
    configs: parts => ({ scheduler: isLater(parts) ? plain : shifting }),
    needs: [
      {
        component: 'text_encoder',
        what: `a T5 text encoder of width ${width}`,
        repository: 'comfyanonymous/flux_text_encoders',
        file: 't5xxl_fp16.safetensors',
        fits: part => part.listed[1] === 'T5EncoderModel' && part.config.d_model === width,
      },
      {
        component: 'vae',
        what: `an LTX-Video VAE of ${channels} channels`,
        repository: 'Lightricks/LTX-Video',
        file: 'ltx-video-2b-v0.9.1.safetensors',
        fits: part => part.config.latent_channels === channels,
      },
    ],
    tokenizers: ['Lightricks/LTX-Video/tokenizer', 'google/t5-v1_1-xxl'],
    assumed: [
      'sampler: Euler with the shift of the Lightricks/LTX-Video repositories; --sampler and --shift change it',
    ],
  }
}

/** From 0.9.5 on, frames are given at any time, and the noise levels are not shifted by the size. */
function isLater(parts: ReadonlyMap<string, FilePart>): boolean {
  return parts.get('vae')?.config.down_block_types !== undefined
}

const plain = { _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: false }

const shifting = {
  _class_name: 'FlowMatchEulerDiscreteScheduler',
  use_dynamic_shifting: true,
  base_shift: 0.95,
  max_shift: 2.05,
  base_image_seq_len: 1024,
  max_image_seq_len: 4096,
  shift_terminal: 0.1,
}
