import { z } from 'zod'

const positive = z.number().int().positive()

/**
 * The fields of transformers' `T5Config` that the encoder needs; missing ones have that class's defaults.
 * `feed_forward_proj` has to be there: the class's default is the ungated ReLU of the first T5, which no video
 * checkpoint uses.
 */
export const t5Config = z.object({
  vocab_size: positive.default(32128),
  d_model: positive.default(512),
  d_kv: positive.default(64),
  d_ff: positive.default(2048),
  num_layers: positive.default(6),
  num_heads: positive.default(8),
  relative_attention_num_buckets: positive.default(32),
  relative_attention_max_distance: positive.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.literal('gated-gelu'),
})

export type T5Config = z.infer<typeof t5Config>

/** The encoder of every published LTX-Video checkpoint. */
export const t5Xxl = {
  model_type: 't5',
  d_model: 4096,
  d_ff: 10240,
  num_layers: 24,
  num_heads: 64,
  feed_forward_proj: 'gated-gelu',
}
