import { z } from 'zod'
import type { MetaspaceConfig } from './text-splitters.ts'

/** A normalizer, pre-tokenizer or post-processor in tokenizer.json: its type and whatever settings that type has. */
export interface PartConfig extends MetaspaceConfig {
  readonly [setting: string]: unknown
  readonly type: string
  readonly precompiled_charsmap?: string | null | undefined
  readonly normalizers?: readonly PartConfig[] | undefined
  readonly pretokenizers?: readonly PartConfig[] | undefined
}

const part: z.ZodType<PartConfig> = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    precompiled_charsmap: z.string().nullish(),
    normalizers: z.array(part).optional(),
    pretokenizers: z.array(part).optional(),
    replacement: z.string().optional(),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    add_prefix_space: z.boolean().optional(),
    split: z.boolean().optional(),
  }),
)

/** What is read of tokenizer.json; the vocabulary is checked by the model that takes it. */
export const tokenizerJson = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string() })),
  normalizer: part.nullable().default(null),
  pre_tokenizer: part.nullable().default(null),
  post_processor: part.nullable().default(null),
  decoder: z.unknown().default(null),
  model: z.looseObject({ type: z.string().optional() }),
})
export type TokenizerJson = z.infer<typeof tokenizerJson>
