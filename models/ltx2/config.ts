/** The configs of LTX-2 and LTX-2.3 (diffusers), but for those of their sound. */
import { z } from 'zod'
import { ltxUpsamplerConfig, ltxVaeConfig } from '../ltx-vae/config.ts'

const positive = z.number().int().positive()
const ropeType = z.enum(['split', 'interleaved'])

/** The fields of diffusers' `LTX2VideoTransformer3DModel`; missing ones have that class's defaults. */
export const ltx2TransformerConfig = z
  .object({
    in_channels: positive.default(128),
    out_channels: positive.nullish(),
    patch_size: z.literal(1).default(1),
    patch_size_t: z.literal(1).default(1),
    num_attention_heads: positive.default(32),
    attention_head_dim: positive.default(128),
    cross_attention_dim: positive.default(4096),
    vae_scale_factors: z.tuple([positive, positive, positive]).default([8, 32, 32]),
    pos_embed_max_pos: positive.default(20),
    base_height: positive.default(2048),
    base_width: positive.default(2048),
    gated_attn: z.boolean().default(false),
    cross_attn_mod: z.boolean().default(false),
    audio_in_channels: positive.default(128),
    audio_out_channels: positive.nullish(),
    audio_patch_size: z.literal(1).default(1),
    audio_patch_size_t: z.literal(1).default(1),
    audio_num_attention_heads: positive.default(32),
    audio_attention_head_dim: positive.default(64),
    audio_cross_attention_dim: positive.default(2048),
    audio_scale_factor: positive.default(4),
    audio_pos_embed_max_pos: positive.default(20),
    audio_sampling_rate: positive.default(16_000),
    audio_hop_length: positive.default(160),
    audio_gated_attn: z.boolean().default(false),
    audio_cross_attn_mod: z.boolean().default(false),
    num_layers: positive.default(48),
    activation_fn: z.literal('gelu-approximate').default('gelu-approximate'),
    qk_norm: z.literal('rms_norm_across_heads').default('rms_norm_across_heads'),
    norm_elementwise_affine: z.literal(false).default(false),
    norm_eps: z.number().positive().default(1e-6),
    caption_channels: positive.default(3840),
    attention_bias: z.boolean().default(true),
    attention_out_bias: z.boolean().default(true),
    rope_theta: z.number().positive().default(10_000),
    rope_double_precision: z.literal(true, 'expected true: angles are computed in float64').default(true),
    causal_offset: z.number().int().nonnegative().default(1),
    timestep_scale_multiplier: z.literal(1000).default(1000),
    cross_attn_timestep_scale_multiplier: positive.default(1000),
    rope_type: ropeType.default('interleaved'),
    use_prompt_embeddings: z.boolean().default(true),
    perturbed_attn: z.boolean().default(false),
    ff_bias: z.boolean().default(true),
    audio_ff_bias: z.boolean().default(true),
    use_prompt_adaln_single: z.boolean().default(true),
    use_keyframes_abs_pos_embedding: z.boolean().default(false),
  })
  .refine(config => (config.out_channels ?? config.in_channels) === config.in_channels, {
    message: 'out_channels has to be in_channels: the velocity has the shape of the latents',
    path: ['out_channels'],
  })
  .refine(config => (config.audio_out_channels ?? config.audio_in_channels) === config.audio_in_channels, {
    message: 'audio_out_channels has to be audio_in_channels: the velocity has the shape of the latents',
    path: ['audio_out_channels'],
  })
  .refine(config => config.cross_attention_dim === widthsOf(config).video, {
    message: 'cross_attention_dim has to be num_attention_heads · attention_head_dim',
    path: ['cross_attention_dim'],
  })
  .refine(config => config.audio_cross_attention_dim === widthsOf(config).audio, {
    message: 'audio_cross_attention_dim has to be audio_num_attention_heads · audio_attention_head_dim',
    path: ['audio_cross_attention_dim'],
  })
  .refine(config => config.cross_attn_mod === config.audio_cross_attn_mod, {
    message: 'audio_cross_attn_mod has to be cross_attn_mod',
    path: ['audio_cross_attn_mod'],
  })

export type Ltx2TransformerConfig = z.infer<typeof ltx2TransformerConfig>

/** Widths of a token of the video, and of the sound. */
export function widthsOf(config: {
  readonly num_attention_heads: number
  readonly attention_head_dim: number
  readonly audio_num_attention_heads: number
  readonly audio_attention_head_dim: number
}): { readonly video: number; readonly audio: number } {
  return {
    video: config.num_attention_heads * config.attention_head_dim,
    audio: config.audio_num_attention_heads * config.audio_attention_head_dim,
  }
}

const connectorFields = z.object({
  caption_channels: positive.default(3840),
  text_proj_in_factor: positive.default(49),
  video_connector_num_attention_heads: positive.default(30),
  video_connector_attention_head_dim: positive.default(128),
  video_connector_num_layers: positive.default(2),
  video_connector_num_learnable_registers: positive.default(128),
  video_gated_attn: z.boolean().default(false),
  audio_connector_num_attention_heads: positive.default(30),
  audio_connector_attention_head_dim: positive.default(128),
  audio_connector_num_layers: positive.default(2),
  audio_connector_num_learnable_registers: positive.default(128),
  audio_gated_attn: z.boolean().default(false),
  connector_rope_base_seq_len: positive.default(4096),
  rope_theta: z.number().positive().default(10_000),
  rope_double_precision: z.literal(true, 'expected true: angles are computed in float64').default(true),
  rope_type: ropeType.default('interleaved'),
  per_modality_projections: z.boolean().default(false),
  video_hidden_dim: positive.default(4096),
  audio_hidden_dim: positive.default(2048),
  proj_bias: z.boolean().default(false),
})

/** The fields of diffusers' `LTX2TextConnectors`; missing ones have that class's defaults. */
export const ltx2ConnectorsConfig = connectorFields
  .refine(config => streamNames.every(name => connectorOf(config, name).width === textWidth(config, name)), {
    message: 'the heads of a connector have to make up the width of the text that it is given',
    path: ['video_connector_num_attention_heads'],
  })
  .refine(
    config =>
      config.video_connector_num_learnable_registers === config.audio_connector_num_learnable_registers,
    {
      message: 'both connectors have to have as many registers',
      path: ['audio_connector_num_learnable_registers'],
    },
  )

export type Ltx2ConnectorsConfig = z.infer<typeof connectorFields>

/** What is denoised together, in this order. */
export const streamNames = ['video', 'audio'] as const

export type StreamName = (typeof streamNames)[number]

/** What names of a stream begin with in checkpoints and configs. */
export const streamPrefixes = { video: '', audio: 'audio_' } as const

/** Which channels of a head a rotary embedding turns together. */
export function pairsOf({
  rope_type,
}: {
  readonly rope_type: z.infer<typeof ropeType>
}): 'halves' | 'neighbours' {
  return rope_type === 'split' ? 'halves' : 'neighbours'
}

/** The connector of a stream. */
export function connectorOf(config: Ltx2ConnectorsConfig, stream: StreamName) {
  const heads = config[`${stream}_connector_num_attention_heads`]
  const headDim = config[`${stream}_connector_attention_head_dim`]
  return {
    heads,
    headDim,
    width: heads * headDim,
    layers: config[`${stream}_connector_num_layers`],
    gated: config[`${stream}_gated_attn`],
  }
}

/** Rows that fill the place of padding, over and over. */
export function registersOf(config: Ltx2ConnectorsConfig): number {
  return config.video_connector_num_learnable_registers
}

/** The width that the text of a stream is projected to. */
export function textWidth(config: Ltx2ConnectorsConfig, stream: StreamName): number {
  return config.per_modality_projections ? config[`${stream}_hidden_dim`] : config.caption_channels
}

const vaeDefaults = {
  block_out_channels: [256, 512, 1024, 2048],
  decoder_block_out_channels: [256, 512, 1024],
  layers_per_block: [4, 6, 6, 2, 2],
  decoder_layers_per_block: [5, 5, 5, 5],
  spatio_temporal_scaling: [true, true, true, true],
  decoder_spatio_temporal_scaling: [true, true, true],
  decoder_inject_noise: [false, false, false, false],
  downsample_type: ['spatial', 'temporal', 'spatiotemporal', 'spatiotemporal'],
  upsample_type: ['spatiotemporal', 'spatiotemporal', 'spatiotemporal'],
  upsample_residual: [true, true, true],
  upsample_factor: [2, 2, 2],
  decoder_causal: true,
  decoder_spatial_padding_mode: 'reflect',
}

/** How many entries a list has that is given as one value. */
const listLengths = {
  spatio_temporal_scaling: 'block_out_channels',
  decoder_spatio_temporal_scaling: 'decoder_block_out_channels',
  upsample_residual: 'decoder_block_out_channels',
  decoder_inject_noise: 'decoder_layers_per_block',
} as const

/**
 * The fields of diffusers' `AutoencoderKLLTX2Video`, with that class's defaults, as those of the VAE of LTX-Video: the
 * encoder begins at the width of the latents, and a shortcut is a plain convolution.
 */
export const ltx2VaeConfig = z
  .preprocess(config => {
    const given: Record<string, unknown> = { latent_channels: 128, ...vaeDefaults, ...(config as object) }
    for (const [list, like] of Object.entries(listLengths)) {
      if (typeof given[list] === 'boolean') given[list] = Array(lengthOf(given[like])).fill(given[list])
    }
    const widths = given.block_out_channels
    return {
      ...given,
      block_out_channels: Array.isArray(widths) ? [given.latent_channels, ...(widths as unknown[])] : widths,
      down_block_types: Array(lengthOf(widths)).fill('LTXVideo095DownBlock3D'),
      spatial_compression_ratio: given.spatial_compression_ratio ?? 32,
      temporal_compression_ratio: given.temporal_compression_ratio ?? 8,
    }
  }, ltxVaeConfig)
  .refine(config => !config.timestep_conditioning && !config.decoder_inject_noise.some(Boolean), {
    message: 'expected a decoder without timesteps and noise of its own',
    path: ['timestep_conditioning'],
  })
  .transform(config => ({ ...config, shortcut: 'conv_shortcut' }))

export type Ltx2VaeConfig = z.infer<typeof ltx2VaeConfig>

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0
}

/** The fields of diffusers' `LTX2LatentUpsamplerModel`, with that class's defaults. */
export const ltx2UpsamplerConfig = z.preprocess(
  config => ({ mid_channels: 1024, use_rational_resampler: true, ...(config as object) }),
  ltxUpsamplerConfig,
)
