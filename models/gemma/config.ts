/** What the Gemma language models have in common, and what sets Gemma 4 apart from Gemma 3. */
import { z } from 'zod'

/** How a layer sees the text: all tokens before, or those of a window. */
export type LayerKind = 'full' | 'sliding'

export interface GemmaConfig {
  readonly vocabulary: number
  readonly width: number
  readonly hidden: number
  readonly heads: number
  readonly epsilon: number
  /** What the scores of queries and keys are multiplied by. */
  readonly scale: number
  /** Tokens that a sliding layer sees, its own included. */
  readonly window: number
  readonly layers: readonly LayerKind[]
  readonly kinds: Readonly<Record<LayerKind, GemmaAttention>>
  /** Whether weights of norms are stored as their distance from 1. */
  readonly normsFromOne: boolean
  /** Whether each head's value is normalised, without a weight. */
  readonly normalizedValues: boolean
  /** Whether what a layer gives is multiplied by a number of its own. */
  readonly layerScalars: boolean
  /** The token that every prompt begins with, where the tokenizer may leave it out. */
  readonly firstToken: number | undefined
}

/** Attention of one kind of layers. */
export interface GemmaAttention {
  readonly keyHeads: number
  readonly headDim: number
  /** Whether the projection of keys, before their norm and their turning, gives the values, too. */
  readonly keysAsValues: boolean
  /** Base of the rotary frequencies, what positions are divided by, and the share of each head's channels that is turned. */
  readonly rope: { readonly theta: number; readonly factor: number; readonly share: number }
}

export const positive = z.number().int().positive()

/** Names of the kinds of layers in configs. */
export const layerTypes = z.array(z.enum(['sliding_attention', 'full_attention']))

/** The kinds of the layers: as listed, or every `every`th full. */
export function layerKinds(
  count: number,
  listed: z.infer<typeof layerTypes> | null | undefined,
  every: number,
): LayerKind[] {
  return Array.from({ length: count }, (_, layer) => {
    const full = listed ? listed[layer] === 'full_attention' : (layer + 1) % every === 0
    return full ? 'full' : 'sliding'
  })
}

/** Names and numbers that the configs of all Gemma text models have. */
export function dimensionsOf(config: {
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_attention_heads: number
  readonly rms_norm_eps: number
  readonly sliding_window: number
}) {
  return {
    vocabulary: config.vocab_size,
    width: config.hidden_size,
    hidden: config.intermediate_size,
    heads: config.num_attention_heads,
    epsilon: config.rms_norm_eps,
    window: config.sliding_window,
  } satisfies Partial<GemmaConfig>
}

/** The text model's config in that of a checkpoint, which may be of text and pictures. */
export function textConfigOf(config: unknown): unknown {
  return (config as { text_config?: unknown } | null)?.text_config ?? config
}
