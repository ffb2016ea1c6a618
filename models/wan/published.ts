/** The published checkpoints without their weights: fields that differ from diffusers' defaults, which the schemas have. */
import type { PublishedModel } from '../../src/pipeline/family.ts'
import { clipVitH } from '../clip/config.ts'
import { umt5Xxl } from '../umt5/config.ts'

const width14b = { ffn_dim: 13824, num_attention_heads: 40, num_layers: 40, out_channels: 16 }
const width1b = { ffn_dim: 8960, num_attention_heads: 12, num_layers: 30, out_channels: 16 }

/** Wan 2.1 image to video sees a picture twice: as latents, and through CLIP. */
const seesPictures = { in_channels: 36, image_dim: 1280, added_kv_proj_dim: 5120 }

const everyOtherLayer = Array.from({ length: 15 }, (_, index) => 2 * index)
const everyFifthLayer = Array.from({ length: 8 }, (_, index) => 5 * index)
const vaceClass = { _class_name: 'WanVACETransformer3DModel' }

/** The 16× VAE of Wan 2.2 TI2V. Its latents are taken as normalised: their statistics do not change the work. */
const vae22 = {
  base_dim: 160,
  decoder_base_dim: 256,
  z_dim: 48,
  is_residual: true,
  in_channels: 12,
  out_channels: 12,
  patch_size: 2,
  scale_factor_spatial: 16,
  latents_mean: new Array(48).fill(0),
  latents_std: new Array(48).fill(1),
}

/** CLIP's own sizes and statistics. */
export const clipProcessor = {
  image_processor_type: 'CLIPImageProcessor',
  crop_size: { height: 224, width: 224 },
  size: { shortest_edge: 224 },
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
}

interface Kind {
  readonly pipeline?: string
  readonly index?: object
  readonly transformer: object
  readonly stored?: 'bf16'
  readonly experts?: 2
  readonly vae?: object
  readonly shift?: number
}

const kinds: Readonly<Record<string, Kind>> = {
  'wan-t2v-1.3b': { transformer: width1b },
  'wan-t2v-14b': { transformer: width14b },
  'wan-i2v-14b-480p': {
    pipeline: 'WanImageToVideoPipeline',
    transformer: { ...width14b, ...seesPictures },
  },
  'wan-i2v-14b-720p': {
    pipeline: 'WanImageToVideoPipeline',
    transformer: { ...width14b, ...seesPictures },
    shift: 5,
  },
  'wan-flf2v-14b-720p': {
    pipeline: 'WanImageToVideoPipeline',
    transformer: { ...width14b, ...seesPictures, pos_embed_seq_len: 514 },
    shift: 16,
  },
  'wan-vace-1.3b': {
    pipeline: 'WanVACEPipeline',
    transformer: { ...vaceClass, ...width1b, vace_layers: everyOtherLayer, vace_in_channels: 96 },
  },
  'wan-vace-14b': {
    pipeline: 'WanVACEPipeline',
    transformer: { ...vaceClass, ...width14b, vace_layers: everyFifthLayer, vace_in_channels: 96 },
  },
  'wan2.2-t2v-a14b': {
    index: { boundary_ratio: 0.875 },
    transformer: width14b,
    stored: 'bf16',
    experts: 2,
  },
  'wan2.2-i2v-14b-720p': {
    pipeline: 'WanImageToVideoPipeline',
    index: { boundary_ratio: 0.9 },
    transformer: { ...width14b, in_channels: 36 },
    stored: 'bf16',
    experts: 2,
  },
  'wan2.2-ti2v-5b': {
    index: { expand_timesteps: true },
    transformer: {
      num_attention_heads: 24,
      ffn_dim: 14336,
      num_layers: 30,
      in_channels: 48,
      out_channels: 48,
    },
    stored: 'bf16',
    vae: vae22,
    shift: 5,
  },
  'wan2.2-vace-fun-14b': {
    pipeline: 'WanVACEPipeline',
    index: { boundary_ratio: 0.875 },
    transformer: { ...vaceClass, ...width14b, vace_layers: everyFifthLayer, vace_in_channels: 96 },
    stored: 'bf16',
    experts: 2,
  },
}

export const wanPublished: readonly PublishedModel[] = Object.entries(kinds).map(([name, kind]) => {
  const { pipeline = 'WanPipeline', stored = 'f32', vae = {}, shift = 3 } = kind
  const transformer = { _class_name: 'WanTransformer3DModel', ...kind.transformer }
  const pictures = 'image_dim' in kind.transformer
  const components = {
    scheduler: {
      _class_name: 'UniPCMultistepScheduler',
      prediction_type: 'flow_prediction',
      use_flow_sigmas: true,
      flow_shift: shift,
    },
    text_encoder: umt5Xxl,
    transformer,
    ...(kind.experts && { transformer_2: transformer }),
    vae: { _class_name: 'AutoencoderKLWan', ...vae },
    ...(pictures && { image_encoder: clipVitH, image_processor: clipProcessor }),
  }
  return {
    name,
    index: { _class_name: pipeline, ...kind.index },
    components,
    stored: {
      text_encoder: 'bf16',
      transformer: stored,
      transformer_2: stored,
      vae: 'f32',
      image_encoder: 'f32',
    },
  }
})
