import { z } from 'zod'

const positive = z.number().int().positive()

const rope = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z.literal('default', 'a rotary embedding of another kind').optional(),
})

/**
 * The fields of transformers' `Qwen2_5_VLTextConfig` that its text needs; missing ones have that class's defaults. Where the
 * base of the rotary embedding is depends on the version of transformers that wrote the file.
 */
export const qwen2Config = z
  .object({
    vocab_size: positive.default(152064),
    hidden_size: positive.default(8192),
    intermediate_size: positive.default(29568),
    num_hidden_layers: positive.min(3).default(80),
    num_attention_heads: positive.default(64),
    num_key_value_heads: positive.default(8),
    hidden_act: z.literal('silu').default('silu'),
    rms_norm_eps: z.number().positive().default(1e-5),
    use_sliding_window: z
      .literal(false, 'true: a model that sees a part of the text at a time cannot be run')
      .default(false),
    rope_parameters: rope.nullish(),
    rope_theta: z.number().positive().nullish(),
  })
  .refine(config => config.hidden_size % config.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'a number that does not divide hidden_size',
  })
  .refine(config => config.num_attention_heads % config.num_key_value_heads === 0, {
    path: ['num_key_value_heads'],
    message: 'a number that does not divide num_attention_heads',
  })

export type Qwen2Config = z.infer<typeof qwen2Config>

/** Channels of an attention head. */
export function headDim(config: Qwen2Config): number {
  return config.hidden_size / config.num_attention_heads
}

/** Base of the rotary embedding's wavelengths. */
export function ropeTheta({ rope_parameters, rope_theta }: Qwen2Config): number {
  return rope_parameters?.rope_theta ?? rope_theta ?? 1_000_000
}

/** The language model of Qwen2.5-VL-7B-Instruct. */
export const qwen25Vl7b = {
  model_type: 'qwen2_5_vl_text',
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
}
