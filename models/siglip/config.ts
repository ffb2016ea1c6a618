import { z } from 'zod'

const positive = z.number().int().positive()

/** The fields of transformers' `SiglipVisionConfig` that the encoder needs; missing ones have that class's defaults. */
export const siglipVisionConfig = z
  .object({
    hidden_size: positive.default(768),
    intermediate_size: positive.default(3072),
    num_hidden_layers: positive.default(12),
    num_attention_heads: positive.default(12),
    num_channels: positive.default(3),
    image_size: positive.default(224),
    patch_size: positive.default(16),
    hidden_act: z.enum(['gelu', 'gelu_pytorch_tanh', 'quick_gelu']).default('gelu_pytorch_tanh'),
    layer_norm_eps: z.number().positive().default(1e-6),
  })
  .refine(config => config.hidden_size % config.num_attention_heads === 0, {
    message: 'hidden_size has to be a multiple of num_attention_heads',
  })

export type SiglipVisionConfig = z.infer<typeof siglipVisionConfig>

/** The picture encoder of FLUX.1 Redux and of HunyuanVideo 1.5: SigLIP so400m, patches of 14. */
export const siglipSo400m = {
  model_type: 'siglip_vision_model',
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  image_size: 384,
  patch_size: 14,
}
