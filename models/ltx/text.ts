/** How LTX-Video sees a prompt (diffusers `LTXPipeline.encode_prompt`, `LTXConditionPipeline.encode_prompt`). */
import type { Model } from '../../src/pipeline/family.ts'
import { sliceAxis } from '../../src/tensor/axis.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { inTurn } from '../../src/text/in-turn.ts'
import { tokenizerOnDemand } from '../../src/text/tokenizer.ts'
import type { TokenizerSource } from '../../src/text/tokenizer-source.ts'
import type { T5Config } from '../t5/config.ts'
import { encoderFeeds } from '../t5/feeds.ts'

export interface LtxTextOptions {
  /** A folder, or where else it comes from. */
  readonly tokenizer: string | TokenizerSource
  readonly textEncoder: T5Config
  readonly context: string
  /**
   * Whether the encoder is told which tokens are padding. Where it is not, as in `LTXPipeline`, padding has a say in
   * the embeddings of the prompt, and has to be encoded too.
   */
  readonly maskPadding: boolean
}

/** Tokenizes the prompt as it is, encodes it, and computes what the cross-attentions see of it. */
export function ltxTextConditioner(options: LtxTextOptions): Model['conditionText'] {
  const tokenizerOf = tokenizerOnDemand(options.tokenizer)
  return async ({ prompts, textTokens, keyMultiple }, run) => {
    const tokenizer = await tokenizerOf()
    const encoded = await inTurn(prompts, async prompt => {
      const { ids, tokens, truncated, unknown } = tokenizer.encode(prompt, { length: textTokens })
      const rows = options.maskPadding ? ids.subarray(0, tokens) : ids
      const { tensors } = await run('text-encoder', encoderFeeds(rows, options.textEncoder, keyMultiple))
      const text = sliceAxis(tensors.embeddings!, 1, 0, rows.length) // [1, rows, model]
      return { text, about: { tokens, truncated, unknown } }
    })
    return await inTurn(encoded, async ({ text, about }) => {
      const { residents } = await run(options.context, { text }, { keep: () => true })
      const tokens = tensor('i32', [1], Int32Array.of(about.tokens))
      return { feeds: [{ ...residents, 'text.tokens': tokens }], ...about }
    })
  }
}
