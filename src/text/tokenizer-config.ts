import { z } from 'zod'

const tokenText = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(token => token.content),
])

/** What is read of tokenizer_config.json. */
export const tokenizerConfig = z.looseObject({
  tokenizer_class: z.string().nullish(),
  model_max_length: z.number().nullish(),
  pad_token: tokenText.nullish(),
  eos_token: tokenText.nullish(),
  padding_side: z.enum(['left', 'right']).nullish(),
  truncation_side: z.literal('right').nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), tokenText).nullish(),
})
export type TokenizerConfig = z.infer<typeof tokenizerConfig>
