import { z } from 'zod'
import { modelWidth } from '../../src/nn/model-width.ts'

const positive = z.number().int().positive()

/** The fields of diffusers' `LTXVideoTransformer3DModel`; missing ones have that class's defaults. */
export const ltxTransformerConfig = z
  .object({
    in_channels: positive.default(128),
    out_channels: positive.nullish(),
    patch_size: z.literal(1).default(1),
    patch_size_t: z.literal(1).default(1),
    num_attention_heads: positive.default(32),
    attention_head_dim: positive.default(64),
    cross_attention_dim: positive.default(2048),
    num_layers: positive.default(28),
    activation_fn: z.literal('gelu-approximate').default('gelu-approximate'),
    qk_norm: z.literal('rms_norm_across_heads').default('rms_norm_across_heads'),
    norm_elementwise_affine: z.literal(false).default(false),
    norm_eps: z.number().positive().default(1e-6),
    caption_channels: positive.default(4096),
    attention_bias: z.boolean().default(true),
    attention_out_bias: z.boolean().default(true),
  })
  .refine(config => config.cross_attention_dim === modelWidth(config), {
    message: 'cross_attention_dim has to be num_attention_heads · attention_head_dim',
  })
  .refine(config => (config.out_channels ?? config.in_channels) === config.in_channels, {
    message: 'out_channels has to be in_channels: the velocity has the shape of the latents',
  })

export type LtxTransformerConfig = z.infer<typeof ltxTransformerConfig>
