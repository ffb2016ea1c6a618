import { z } from 'zod'

const positive = z.number().int().positive()

/** The fields of transformers' `CLIPVisionConfig` that the encoder needs; missing ones have that class's defaults. */
export const clipVisionConfig = z
  .object({
    hidden_size: positive.default(768),
    intermediate_size: positive.default(3072),
    num_hidden_layers: positive.min(2).default(12),
    num_attention_heads: positive.default(12),
    num_channels: positive.default(3),
    image_size: positive.default(224),
    patch_size: positive.default(32),
    hidden_act: z.enum(['gelu', 'quick_gelu']).default('quick_gelu'),
    layer_norm_eps: z.number().positive().default(1e-5),
  })
  .refine(config => config.hidden_size % config.num_attention_heads === 0, {
    message: 'hidden_size has to be a multiple of num_attention_heads',
  })
  .refine(config => config.image_size % config.patch_size === 0, {
    message: 'image_size has to be a multiple of patch_size',
  })

export type ClipVisionConfig = z.infer<typeof clipVisionConfig>

/** The picture encoder of Wan 2.1 image-to-video checkpoints. */
export const clipVitH = {
  model_type: 'clip_vision_model',
  hidden_size: 1280,
  intermediate_size: 5120,
  num_hidden_layers: 32,
  num_attention_heads: 16,
  patch_size: 14,
  hidden_act: 'gelu',
}
