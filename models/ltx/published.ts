/** The published checkpoints without their weights: fields that differ from diffusers' defaults, which the schemas have. */
import type { PublishedModel } from '../../src/pipeline/family.ts'
import { t5Xxl } from '../t5/config.ts'

const four = <T>(value: T): T[] => new Array(4).fill(value)

/** The decoder of 0.9.1 has noise inside and sees the latents at a timestep. */
export const vae091 = {
  decoder_block_out_channels: [256, 512, 1024],
  decoder_layers_per_block: [5, 6, 7, 8],
  decoder_spatio_temporal_scaling: [true, true, true],
  decoder_inject_noise: [true, true, true, false],
  upsample_residual: [true, true, true],
  upsample_factor: [2, 2, 2],
  timestep_conditioning: true,
}

/** From 0.9.5 on, resolution changes by folding. */
export const vae095 = {
  block_out_channels: [128, 256, 512, 1024, 2048],
  down_block_types: four('LTXVideo095DownBlock3D'),
  decoder_block_out_channels: [256, 512, 1024],
  layers_per_block: [4, 6, 6, 2, 2],
  decoder_layers_per_block: [5, 5, 5, 5],
  spatio_temporal_scaling: four(true),
  decoder_spatio_temporal_scaling: [true, true, true],
  decoder_inject_noise: four(false),
  downsample_type: ['spatial', 'temporal', 'spatiotemporal', 'spatiotemporal'],
  upsample_residual: [true, true, true],
  upsample_factor: [2, 2, 2],
  timestep_conditioning: true,
  spatial_compression_ratio: 32,
  temporal_compression_ratio: 8,
}

const width13b = { attention_head_dim: 128, cross_attention_dim: 4096, num_layers: 48 }

export const ltxPublished: readonly PublishedModel[] = [
  published('ltx-video-0.9.0', 'LTXPipeline', {}, {}),
  published('ltx-video-0.9.1', 'LTXPipeline', {}, vae091),
  published('ltx-video-0.9.5', 'LTXConditionPipeline', {}, vae095),
  published('ltx-video-0.9.7', 'LTXConditionPipeline', width13b, vae095),
]

function published(name: string, pipeline: string, transformer: object, vae: object): PublishedModel {
  return {
    name,
    index: { _class_name: pipeline },
    components: {
      scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000 },
      text_encoder: t5Xxl,
      transformer: { _class_name: 'LTXVideoTransformer3DModel', ...transformer },
      vae: { _class_name: 'AutoencoderKLLTXVideo', ...vae },
    },
    stored: { text_encoder: 'f32', transformer: 'bf16', vae: 'bf16' },
  }
}
