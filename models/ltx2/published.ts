/** The published checkpoints without their weights: fields that differ from diffusers' defaults, which the schemas have. */
import type { PublishedModel } from '../../src/pipeline/family.ts'
import { gemma3Of12B } from '../gemma/gemma3.ts'

/** Noise levels of the published checkpoints, from their folders. */
export const publishedScheduler = {
  _class_name: 'FlowMatchEulerDiscreteScheduler',
  num_train_timesteps: 1000,
  use_dynamic_shifting: true,
  base_shift: 0.95,
  max_shift: 2.05,
  base_image_seq_len: 1024,
  max_image_seq_len: 4096,
  shift_terminal: 0.1,
}

/** What 2.3 changed of the network, of its text, and of the video's VAE. */
const transformer23 = {
  gated_attn: true,
  cross_attn_mod: true,
  audio_gated_attn: true,
  audio_cross_attn_mod: true,
  use_prompt_embeddings: false,
  perturbed_attn: true,
}

const connectors23 = {
  video_connector_num_attention_heads: 32,
  video_connector_num_layers: 8,
  video_gated_attn: true,
  audio_connector_num_attention_heads: 32,
  audio_connector_attention_head_dim: 64,
  audio_connector_num_layers: 8,
  audio_gated_attn: true,
  per_modality_projections: true,
  proj_bias: true,
}

const vae23 = {
  block_out_channels: [256, 512, 1024, 1024],
  decoder_block_out_channels: [256, 512, 512, 1024],
  layers_per_block: [4, 6, 4, 2, 2],
  decoder_layers_per_block: [4, 6, 4, 2, 2],
  decoder_spatio_temporal_scaling: [true, true, true, true],
  decoder_inject_noise: [false, false, false, false, false],
  upsample_type: ['spatiotemporal', 'spatiotemporal', 'temporal', 'spatial'],
  upsample_residual: [false, false, false, false],
  upsample_factor: [2, 2, 1, 2],
  decoder_spatial_padding_mode: 'zeros',
}

export const ltx2Published: readonly PublishedModel[] = [
  published('ltx-2', 'LTX2Vocoder', {}, {}, {}),
  published('ltx-2.3', 'LTX2VocoderWithBWE', transformer23, connectors23, vae23),
]

function published(
  name: string,
  vocoder: string,
  transformer: object,
  connectors: object,
  vae: object,
): PublishedModel {
  return {
    name,
    index: { _class_name: 'LTX2Pipeline' },
    components: {
      scheduler: publishedScheduler,
      text_encoder: gemma3Of12B,
      connectors: { _class_name: 'LTX2TextConnectors', rope_type: 'split', ...connectors },
      transformer: { _class_name: 'LTX2VideoTransformer3DModel', rope_type: 'split', ...transformer },
      vae: { _class_name: 'AutoencoderKLLTX2Video', decoder_causal: false, ...vae },
      audio_vae: { _class_name: 'AutoencoderKLLTX2Audio' },
      vocoder: { _class_name: vocoder },
    },
    stored: {
      text_encoder: 'bf16',
      connectors: 'bf16',
      transformer: 'bf16',
      vae: 'bf16',
      audio_vae: 'bf16',
      vocoder: 'bf16',
    },
  }
}
