import { z } from 'zod'

/** The fields of transformers' `UMT5Config` that the encoder needs; missing ones have that class's defaults. */
export const umt5Config = z.object({
  vocab_size: z.number().int().positive().default(250112),
  d_model: z.number().int().positive().default(512),
  d_kv: z.number().int().positive().default(64),
  d_ff: z.number().int().positive().default(1024),
  num_layers: z.number().int().positive().default(8),
  num_heads: z.number().int().positive().default(6),
  relative_attention_num_buckets: z.number().int().positive().default(32),
  relative_attention_max_distance: z.number().int().positive().default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.literal('gated-gelu').default('gated-gelu'),
})

export type Umt5Config = z.infer<typeof umt5Config>

/** The encoder of every published Wan checkpoint. */
export const umt5Xxl = {
  model_type: 'umt5',
  vocab_size: 256384,
  d_model: 4096,
  d_ff: 10240,
  num_layers: 24,
  num_heads: 64,
}
