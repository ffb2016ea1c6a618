/** Gemma 4 without towers for pictures and sound (transformers `Gemma4UnifiedTextConfig`), the text encoder of LTX-2.5. */
import { z } from 'zod'
import { dimensionsOf, type GemmaConfig, layerKinds, layerTypes, positive, textConfigOf } from './config.ts'

/** Full layers turn only the first of a head's channels, whose frequencies are those of the whole head. */
const rope = z.object({
  rope_type: z.enum(['default', 'proportional']).default('default'),
  rope_theta: z.number().positive(),
  factor: z.number().positive().default(1),
  partial_rotary_factor: z.number().positive().max(1).default(1),
})

/** What layers by their number have apart, as transformers 5 saves it. */
const ofLayers = z.record(
  z.string(),
  z.object({ head_dim: positive.optional(), num_key_value_heads: positive.optional() }),
)

/** The fields of transformers' `Gemma4UnifiedTextConfig` that the network needs; missing ones have that class's defaults. */
const textConfig = z
  .object({
    vocab_size: positive.default(262_144),
    hidden_size: positive.default(2304),
    intermediate_size: positive.default(9216),
    num_hidden_layers: positive.default(30),
    num_attention_heads: positive.default(8),
    num_key_value_heads: positive.default(4),
    head_dim: positive.default(256),
    global_head_dim: positive.default(512),
    num_global_key_value_heads: positive.nullish(),
    per_layer_config: ofLayers.nullish(),
    hidden_activation: z.literal('gelu_pytorch_tanh').default('gelu_pytorch_tanh'),
    rms_norm_eps: z.number().positive().default(1e-6),
    attention_bias: z.literal(false).default(false),
    attention_k_eq_v: z.boolean().default(false),
    sliding_window: positive.default(1024),
    use_bidirectional_attention: z.literal('vision').nullable().default('vision'),
    num_kv_shared_layers: z.literal(0, 'expected 0: every layer has keys and values of its own').default(0),
    use_double_wide_mlp: z.literal(false).default(false),
    layer_types: layerTypes.nullish(),
    rope_parameters: z
      .object({ full_attention: rope, sliding_attention: rope })
      .nullish()
      .transform(given => given ?? defaultRope),
    bos_token_id: z.int().nonnegative().default(2),
  })
  .transform((config, context): GemmaConfig => {
    const { num_hidden_layers: count, per_layer_config: apart } = config
    const layers = layerKinds(count, config.layer_types, 6)
    // The last layer is a full one, whatever the list says.
    layers[count - 1] = 'full'
    const own = layers.flatMap((kind, layer) => (kind === 'full' ? [apart?.[layer] ?? {}] : []))
    const even = own.every(each => JSON.stringify(each) === JSON.stringify(own[0]))
    const listed = Object.keys(apart ?? {}).every(layer => layers[Number(layer)] === 'full')
    if (!even || !listed) {
      context.addIssue({
        code: 'custom',
        path: ['per_layer_config'],
        message: 'expected the same of all full layers, and nothing of others',
      })
      return z.NEVER
    }
    const keyHeads = config.num_key_value_heads
    const globalHeads = config.attention_k_eq_v ? config.num_global_key_value_heads : undefined
    const of = ({ rope_type, rope_theta, factor, partial_rotary_factor }: z.infer<typeof rope>) => {
      const proportional = rope_type === 'proportional'
      return {
        theta: rope_theta,
        factor: proportional ? factor : 1,
        share: proportional ? partial_rotary_factor : 1,
      }
    }
    return {
      ...dimensionsOf(config),
      scale: 1,
      layers,
      kinds: {
        full: {
          keyHeads: (apart ? own[0]?.num_key_value_heads : globalHeads) ?? keyHeads,
          headDim: apart ? (own[0]?.head_dim ?? config.head_dim) : config.global_head_dim,
          keysAsValues: config.attention_k_eq_v,
          rope: of(config.rope_parameters.full_attention),
        },
        sliding: {
          keyHeads,
          headDim: config.head_dim,
          keysAsValues: false,
          rope: of(config.rope_parameters.sliding_attention),
        },
      },
      normsFromOne: false,
      normalizedValues: true,
      layerScalars: true,
      firstToken: config.bos_token_id,
    }
  })

const defaultRope = {
  full_attention: { rope_type: 'proportional', rope_theta: 1e6, factor: 1, partial_rotary_factor: 0.25 },
  sliding_attention: { rope_type: 'default', rope_theta: 1e4, factor: 1, partial_rotary_factor: 1 },
} as const

/** A checkpoint of the text model alone, or of text, pictures and sound, of which the text model is a part. */
export const gemma4Config = z.preprocess(textConfigOf, textConfig)

/** The `model_type` of configs that are read by `gemma4Config`. */
export const gemma4Types: readonly unknown[] = ['gemma4_unified', 'gemma4_unified_text']
