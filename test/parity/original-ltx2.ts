/**
 * Writes LTX-2 models of diffusers' layout as Lightricks' and ComfyUI's files have them: their names, and the header that they
 * are published with (ltx_core's configurators read it).
 */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

type Tensors = Map<string, Tensor>
type Pairs = readonly (readonly [string | RegExp, string])[]
type Json = Record<string, unknown>

/** From diffusers' names, first match first. */
const names = {
  transformer: [
    [/^audio_proj_in\./, 'audio_patchify_proj.'],
    [/^proj_in\./, 'patchify_proj.'],
    [/^audio_time_embed\./, 'audio_adaln_single.'],
    [/^time_embed\./, 'adaln_single.'],
    [/^audio_prompt_adaln\./, 'audio_prompt_adaln_single.'],
    [/^prompt_adaln\./, 'prompt_adaln_single.'],
    ['av_cross_attn_video_scale_shift', 'av_ca_video_scale_shift_adaln_single'],
    ['av_cross_attn_audio_scale_shift', 'av_ca_audio_scale_shift_adaln_single'],
    ['av_cross_attn_video_a2v_gate', 'av_ca_a2v_gate_adaln_single'],
    ['av_cross_attn_audio_v2a_gate', 'av_ca_v2a_gate_adaln_single'],
    ['video_a2v_cross_attn_scale_shift_table', 'scale_shift_table_a2v_ca_video'],
    ['audio_a2v_cross_attn_scale_shift_table', 'scale_shift_table_a2v_ca_audio'],
    ['norm_q', 'q_norm'],
    ['norm_k', 'k_norm'],
  ],
  connectors: [
    [/^video_connector\./, 'model.diffusion_model.video_embeddings_connector.'],
    [/^audio_connector\./, 'model.diffusion_model.audio_embeddings_connector.'],
    ['transformer_blocks', 'transformer_1d_blocks'],
    [/^text_proj_in\./, 'text_embedding_projection.aggregate_embed.'],
    [/^video_text_proj_in\./, 'text_embedding_projection.video_aggregate_embed.'],
    [/^audio_text_proj_in\./, 'text_embedding_projection.audio_aggregate_embed.'],
    ['norm_q', 'q_norm'],
    ['norm_k', 'k_norm'],
  ],
  statistics: [
    [/^latents_mean$/, 'per_channel_statistics.mean-of-means'],
    [/^latents_std$/, 'per_channel_statistics.std-of-means'],
  ],
  vocoder: [
    ['upsamplers', 'ups'],
    ['resnets', 'resblocks'],
    ['conv_in', 'conv_pre'],
    ['conv_out', 'conv_post'],
    ['act_out', 'act_post'],
    [/\.downsample\.filter$/, '.downsample.lowpass.filter'],
  ],
  textEncoder: [
    [/^language_model\.model\./, 'model.'],
    [/^vision_tower\.vision_model\./, 'vision_model.'],
  ],
} satisfies Record<string, Pairs>

function renamed(tensors: Tensors, pairs: Pairs, prefix = ''): Tensors {
  const rename = (name: string) => pairs.reduce((each, [from, to]) => each.replace(from, to), name)
  return new Map([...tensors].map(([name, each]) => [prefix + rename(name), each]))
}

/** Levels and their changes of size are one list in the makers' code. */
function flatBlocks(tensors: Tensors): Tensors {
  const levels = new Set(
    [...tensors.keys()].flatMap(key => /^encoder\.down_blocks\.(\d+)/.exec(key)?.[1] ?? []),
  )
  const place = (key: string) =>
    key
      .replace(/^encoder\.mid_block/, `encoder.down_blocks.${2 * levels.size}`)
      .replace(
        /^encoder\.down_blocks\.(\d+)\.downsamplers\.0/,
        (_, level) => `encoder.down_blocks.#${2 * Number(level) + 1}`,
      )
      .replace(
        /^encoder\.down_blocks\.(\d+)\.resnets/,
        (_, level) => `encoder.down_blocks.#${2 * Number(level)}.resnets`,
      )
      .replace(/^decoder\.mid_block/, 'decoder.up_blocks.#0')
      .replace(
        /^decoder\.up_blocks\.(\d+)\.upsamplers\.0/,
        (_, level) => `decoder.up_blocks.#${2 * Number(level) + 1}`,
      )
      .replace(
        /^decoder\.up_blocks\.(\d+)\.resnets/,
        (_, level) => `decoder.up_blocks.#${2 * Number(level) + 2}.resnets`,
      )
  const named = [...tensors].map(([key, each]) => {
    const middle = key.startsWith('encoder.mid_block')
    const moved = middle
      ? key.replace('encoder.mid_block', `encoder.down_blocks.#${2 * levels.size}`)
      : place(key)
    return [moved.replace('#', '').replace('resnets', 'res_blocks'), each] as const
  })
  return new Map(named)
}

export interface OriginalLtx2 {
  readonly transformer: Tensors
  readonly connectors: Tensors
  readonly projection: Tensors
  readonly vae: Tensors
  readonly audio: Tensors
  readonly textEncoder: Tensors
  /** The header of every file but the text encoder's. */
  readonly config: string
  readonly textConfig: string
}

/** The parts of a model by the names of a whole checkpoint; ComfyUI's files have transformer and VAE without prefix. */
export function originalLtx2(model: string): OriginalLtx2 {
  const read = (component: string) => {
    const files = ['model', 'diffusion_pytorch_model'].map(name =>
      path.join(model, component, `${name}.safetensors`),
    )
    return readFixtureTensors(files.find(file => existsSync(file))!)
  }
  const configOf = (component: string) =>
    JSON.parse(readFileSync(path.join(model, component, 'config.json'), 'utf8')) as Json
  const connectors = [...renamed(read('connectors'), names.connectors)]
  const own = (key: string) => key.startsWith('text_embedding_projection.')
  const audio = [
    ...renamed(read('audio_vae'), names.statistics, 'audio_vae.'),
    ...renamed(read('vocoder'), names.vocoder, 'vocoder.'),
  ]
  const unused = tensor('f32', [1], Float32Array.of(1))
  return {
    transformer: renamed(read('transformer'), names.transformer, 'model.diffusion_model.'),
    connectors: new Map(connectors.filter(([key]) => !own(key))),
    projection: new Map(connectors.filter(([key]) => own(key))),
    vae: new Map([
      ...renamed(flatBlocks(read('vae')), names.statistics, 'vae.'),
      ['vae.per_channel_statistics.channel', unused],
      ['vae.per_channel_statistics.mean-of-stds', unused],
    ]),
    audio: new Map(audio),
    textEncoder: renamed(read('text_encoder'), names.textEncoder),
    config: JSON.stringify(headerOf(configOf)),
    textConfig: JSON.stringify(configOf('text_encoder')),
  }
}

function headerOf(configOf: (component: string) => Json): Json {
  const [network, connectors, vae, audio, vocoder] = [
    'transformer',
    'connectors',
    'vae',
    'audio_vae',
    'vocoder',
  ].map(configOf) as [Json, Json, Json, Json, Json]
  const generator = (prefix: string) => ({
    upsample_initial_channel: vocoder[`${prefix}hidden_channels`],
    upsample_rates: vocoder[`${prefix}upsample_factors`],
    upsample_kernel_sizes: vocoder[`${prefix}upsample_kernel_sizes`],
    resblock_kernel_sizes: vocoder[`${prefix}resnet_kernel_sizes`],
    resblock_dilation_sizes: vocoder[`${prefix}resnet_dilations`],
    stereo: true,
  })
  return {
    transformer: {
      _class_name: 'AVTransformer3DModel',
      attention_head_dim: network.attention_head_dim,
      num_attention_heads: network.num_attention_heads,
      audio_attention_head_dim: network.audio_attention_head_dim,
      audio_num_attention_heads: network.audio_num_attention_heads,
      caption_channels: network.caption_channels,
      norm_eps: network.norm_eps,
      positional_embedding_theta: network.rope_theta,
      positional_embedding_max_pos: [20, 2048, 2048],
      audio_positional_embedding_max_pos: [20],
      timestep_scale_multiplier: 1000,
      av_ca_timestep_scale_multiplier: 1000,
      connector_num_attention_heads: connectors.video_connector_num_attention_heads,
      connector_attention_head_dim: connectors.video_connector_attention_head_dim,
      connector_positional_embedding_max_pos: [connectors.connector_rope_base_seq_len ?? 4096],
      rope_type: 'split',
      frequencies_precision: 'float64',
    },
    vae: {
      _class_name: 'CausalVideoAutoencoder',
      decoder_blocks: (vae.upsample_residual as boolean[]).flatMap(residual => [
        ['res_x', {}],
        ['compress_all', { residual }],
      ]),
      causal_decoder: false,
      timestep_conditioning: false,
      spatial_padding_mode: vae.decoder_spatial_padding_mode,
    },
    audio_vae: {
      model: {
        params: {
          ddconfig: {
            norm_type: audio.norm_type,
            causality_axis: 'height',
            mid_block_add_attention: false,
            attn_resolutions: [],
          },
          sampling_rate: audio.sample_rate,
        },
      },
      preprocessing: { stft: { hop_length: audio.mel_hop_length, causal: true } },
    },
    vocoder:
      vocoder._class_name === 'LTX2VocoderWithBWE'
        ? {
            vocoder: generator(''),
            bwe: {
              ...generator('bwe_'),
              input_sampling_rate: vocoder.input_sampling_rate,
              output_sampling_rate: vocoder.output_sampling_rate,
              hop_length: vocoder.hop_length,
            },
          }
        : generator(''),
  }
}

/** The tensors without what their names begin with. */
export function withoutPrefix(tensors: Tensors, prefix: string): Tensors {
  return new Map(
    [...tensors].map(([key, each]) => [key.startsWith(prefix) ? key.slice(prefix.length) : key, each]),
  )
}

/** A file of bytes as a tensor, as files of text encoders bring it along. */
export function bytesTensor(file: string): Tensor {
  const bytes = readFileSync(file)
  return tensor('u8', [bytes.length], Uint8Array.from(bytes))
}
