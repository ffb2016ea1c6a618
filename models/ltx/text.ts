/** How LTX-Video sees a prompt (diffusers `LTXPipeline.encode_prompt`, `LTXConditionPipeline.encode_prompt`). */
import type { Model, RunGraph } from '../../src/pipeline/family.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openTokenizer, type PromptTokenizer } from '../../src/text/tokenizer.ts'
import type { T5Config } from '../t5/config.ts'
import { relativePositionBuckets } from '../t5/encoder.ts'

export interface LtxTextOptions {
  readonly tokenizerFolder: string
  readonly textEncoder: T5Config
  readonly context: string
  /**
   * Whether the encoder is told which tokens are padding. Where it is not, as in `LTXPipeline`, padding has a say in
   * the embeddings of the prompt, and has to be encoded too.
   */
  readonly maskPadding: boolean
}

/** Tokenizes the prompt as it is, encodes it, and computes the keys and values of every cross-attention. */
export function ltxTextConditioner(options: LtxTextOptions): Model['conditionText'] {
  let opening: Promise<PromptTokenizer> | undefined
  return async ({ prompt, textTokens }, run) => {
    opening ??= openTokenizer(options.tokenizerFolder)
    const tokenizer = await opening
    const { ids, tokens, truncated, unknown } = tokenizer.encode(prompt, { length: textTokens })
    const text = await embed(options.maskPadding ? ids.slice(0, tokens) : ids, options.textEncoder, run)
    const { residents } = await run(options.context, { text }, { keep: () => true })
    return {
      feeds: [{ ...residents, 'text.tokens': tensor('i32', [1], Int32Array.of(tokens)) }],
      tokens,
      truncated,
      unknown,
    }
  }
}

async function embed(ids: BigInt64Array, config: T5Config, run: RunGraph): Promise<Tensor> {
  const count = ids.length
  const { tensors } = await run('text-encoder', {
    ids: tensor('i64', [1, count], ids),
    mask: tensor('f32', [1, count], new Float32Array(count).fill(1)),
    buckets: tensor('i64', [count, count], relativePositionBuckets(count, config)),
  })
  return tensor('f32', [1, count, config.d_model], float32Data(tensors.embeddings))
}
