/** The published checkpoints without their weights: fields that differ from diffusers' defaults, which the schemas have. */
import type { PublishedModel } from '../../src/pipeline/family.ts'
import { qwen25Vl7b } from '../qwen2/config.ts'
import { siglipSo400m } from '../siglip/config.ts'

/** ByT5-small's encoder with the tokens of colours and fonts that Glyph-SDXL-v2 adds. */
const glyphByT5 = {
  model_type: 't5',
  vocab_size: 1510,
  d_model: 1472,
  d_kv: 64,
  d_ff: 3584,
  num_layers: 12,
  num_heads: 6,
  feed_forward_proj: 'gated-gelu',
}

const picture = {
  index: { _class_name: 'HunyuanVideo15ImageToVideoPipeline' },
  components: {
    image_encoder: siglipSo400m,
    feature_extractor: { size: { height: 384, width: 384 } },
  },
  stored: { image_encoder: 'bf16' },
} as const

const textToVideo = { index: { _class_name: 'HunyuanVideo15Pipeline' }, components: {}, stored: {} } as const

/** Side of the square, shift of the noise levels, guidance; and what else the transformer has. */
export const hunyuanPublished: readonly PublishedModel[] = [
  published('hunyuan15-480p', textToVideo, { target: 640, shift: 5, guidance: 6 }),
  published('hunyuan15-480p-i2v', picture, { target: 640, shift: 5, guidance: 6 }),
  published(
    'hunyuan15-480p-i2v-step-distilled',
    picture,
    { target: 640, shift: 7, guidance: 1 },
    { use_meanflow: true },
  ),
  published('hunyuan15-720p', textToVideo, { target: 960, shift: 9, guidance: 6 }),
  published('hunyuan15-720p-i2v', picture, { target: 960, shift: 7, guidance: 6 }),
]

function published(
  name: string,
  pipeline: Pick<PublishedModel, 'index' | 'components' | 'stored'>,
  { target, shift, guidance }: { target: number; shift: number; guidance: number },
  transformer: object = {},
): PublishedModel {
  return {
    name,
    index: pipeline.index,
    components: {
      scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift },
      guider: { _class_name: 'ClassifierFreeGuidance', guidance_scale: guidance },
      text_encoder: qwen25Vl7b,
      text_encoder_2: glyphByT5,
      transformer: {
        _class_name: 'HunyuanVideo15Transformer3DModel',
        target_size: target,
        ...transformer,
      },
      vae: { _class_name: 'AutoencoderKLHunyuanVideo15' },
      ...pipeline.components,
    },
    stored: {
      text_encoder: 'bf16',
      text_encoder_2: 'f32',
      transformer: 'f32',
      vae: 'f32',
      ...pipeline.stored,
    },
  }
}
