import { z } from 'zod'

const positive = z.number().int().positive()
const layerType = z.enum(['sliding_attention', 'full_attention'])
const rope = z.object({
  rope_type: z.enum(['default', 'linear']).default('default'),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().default(1),
})

/** The fields of transformers' `Gemma3TextConfig` that the network needs; missing ones have that class's defaults. */
const textConfig = z
  .object({
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
    layer_types: z.array(layerType).nullish(),
    sliding_window_pattern: positive.nullish(),
    _sliding_window_pattern: positive.nullish(),
    rope_parameters: z.object({ full_attention: rope, sliding_attention: rope }).nullish(),
    rope_theta: z.number().positive().default(1_000_000),
    rope_local_base_freq: z.number().positive().default(10_000),
    rope_scaling: rope.nullish(),
  })
  .transform(config => {
    const { num_hidden_layers: layers, layer_types, rope_parameters: parameters } = config
    const every = config.sliding_window_pattern ?? config._sliding_window_pattern ?? 6
    const full = parameters?.full_attention ?? config.rope_scaling
    return {
      vocabulary: config.vocab_size,
      width: config.hidden_size,
      hidden: config.intermediate_size,
      heads: config.num_attention_heads,
      keyHeads: config.num_key_value_heads,
      headDim: config.head_dim,
      epsilon: config.rms_norm_eps,
      scale: config.query_pre_attn_scalar ** -0.5,
      window: config.sliding_window,
      layers: Array.from({ length: layers }, (_, layer): 'full' | 'sliding' => {
        const type =
          layer_types?.[layer] ?? ((layer + 1) % every === 0 ? 'full_attention' : 'sliding_attention')
        return type === 'full_attention' ? 'full' : 'sliding'
      }),
      rope: {
        full: { theta: full?.rope_theta ?? config.rope_theta, factor: full?.factor ?? 1 },
        sliding: {
          theta: parameters?.sliding_attention.rope_theta ?? config.rope_local_base_freq,
          factor: parameters?.sliding_attention.factor ?? 1,
        },
      },
    }
  })

/** A checkpoint of the text model alone, or of text and pictures, of which the text model is a part. */
export const gemma3Config = z.preprocess(
  config => (config as { text_config?: unknown } | null)?.text_config ?? config,
  textConfig,
)

export type Gemma3Config = z.infer<typeof gemma3Config>

/** How a layer sees the text: all tokens before, or those of a window. */
export type LayerKind = Gemma3Config['layers'][number]

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
