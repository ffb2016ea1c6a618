/** Gemma 3 (Gemma Team 2025, https://arxiv.org/abs/2503.19786; transformers `Gemma3TextConfig`). */
import { z } from 'zod'
import { dimensionsOf, type GemmaConfig, layerKinds, layerTypes, positive, textConfigOf } from './config.ts'

const rope = z.object({
  rope_type: z.enum(['default', 'linear']).default('default'),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().default(1),
})

/** The fields of transformers' `Gemma3TextConfig` that the network needs; missing ones have that class's defaults. */
const textConfig = z
  .object({
    model_type: z.enum(['gemma3', 'gemma3_text']).default('gemma3_text'),
    vocab_size: positive.default(262_208),
    hidden_size: positive.default(2304),
    intermediate_size: positive.default(9216),
    num_hidden_layers: positive.default(26),
    num_attention_heads: positive.default(8),
    num_key_value_heads: positive.default(4),
    head_dim: positive.default(256),
    hidden_activation: z.literal('gelu_pytorch_tanh').default('gelu_pytorch_tanh'),
    rms_norm_eps: z.number().positive().default(1e-6),
    attention_bias: z.literal(false).default(false),
    query_pre_attn_scalar: z.number().positive().default(256),
    sliding_window: positive.default(4096),
    attn_logit_softcapping: z.null().default(null),
    use_bidirectional_attention: z.literal(false).default(false),
    layer_types: layerTypes.nullish(),
    sliding_window_pattern: positive.nullish(),
    _sliding_window_pattern: positive.nullish(),
    rope_parameters: z.object({ full_attention: rope, sliding_attention: rope }).nullish(),
    rope_theta: z.number().positive().default(1_000_000),
    rope_local_base_freq: z.number().positive().default(10_000),
    rope_scaling: rope.nullish(),
  })
  .transform((config): GemmaConfig => {
    const { num_hidden_layers: count, layer_types, rope_parameters: parameters } = config
    const every = config.sliding_window_pattern ?? config._sliding_window_pattern ?? 6
    const full = parameters?.full_attention ?? config.rope_scaling
    const sliding = parameters?.sliding_attention
    const attention = { keyHeads: config.num_key_value_heads, headDim: config.head_dim, keysAsValues: false }
    return {
      ...dimensionsOf(config),
      scale: config.query_pre_attn_scalar ** -0.5,
      layers: layerKinds(count, layer_types, every),
      kinds: {
        full: {
          ...attention,
          rope: { theta: full?.rope_theta ?? config.rope_theta, factor: full?.factor ?? 1, share: 1 },
        },
        sliding: {
          ...attention,
          rope: {
            theta: sliding?.rope_theta ?? config.rope_local_base_freq,
            factor: sliding?.factor ?? 1,
            share: 1,
          },
        },
      },
      normsFromOne: true,
      normalizedValues: false,
      layerScalars: false,
      firstToken: undefined,
    }
  })

/** A checkpoint of the text model alone, or of text and pictures, of which the text model is a part. */
export const gemma3Config = z.preprocess(textConfigOf, textConfig)

/** The text encoder of LTX-2: the numbers of google/gemma-3-12b-it. */
export const gemma3Of12B = {
  model_type: 'gemma3',
  text_config: {
    model_type: 'gemma3_text',
    hidden_size: 3840,
    intermediate_size: 15_360,
    num_hidden_layers: 48,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    sliding_window: 1024,
    rope_scaling: { rope_type: 'linear', factor: 8 },
  },
}
