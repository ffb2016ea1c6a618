/** How Wan sees a prompt (diffusers `WanPipeline.encode_prompt`). */

import { alignedKeys } from '../../src/graph/ops/attention.ts'
import type { Model } from '../../src/pipeline/family.ts'
import { float32Data, lazyTensor, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { cleanPrompt } from '../../src/text/clean.ts'
import { inTurn } from '../../src/text/in-turn.ts'
import { tokenizerOnDemand } from '../../src/text/tokenizer.ts'
import type { TokenizerSource } from '../../src/text/tokenizer-source.ts'
import { encoderFeeds } from '../t5/feeds.ts'
import type { Umt5Config } from '../umt5/config.ts'

export interface WanTextOptions {
  /** A folder, or where else it comes from. */
  readonly tokenizer: string | TokenizerSource
  readonly textEncoder: Umt5Config
  /** The context graph of every expert. */
  readonly contexts: readonly string[]
}

/**
 * Cleans and tokenizes the prompt, encodes its tokens, pads the embeddings with zeros (which the network attends to,
 * as it was trained), and computes what the cross-attentions see of them, which stays resident.
 */
export function wanTextConditioner(options: WanTextOptions): Model['conditionText'] {
  const tokenizerOf = tokenizerOnDemand(options.tokenizer)
  return async ({ prompts, textTokens, keyMultiple }, run) => {
    const tokenizer = await tokenizerOf()
    const length = Math.min(textTokens, tokenizer.modelMaxLength ?? textTokens)
    const encoded = await inTurn(prompts, async prompt => {
      const { ids, tokens, truncated, unknown } = tokenizer.encode(await cleanPrompt(prompt), { length })
      const rows = textRows(tokens, length, keyMultiple)
      const encoder = encoderFeeds(ids.subarray(0, tokens), options.textEncoder, keyMultiple)
      const { tensors } = await run('text-encoder', encoder)
      const text = withZeros(tensors.embeddings!, tokens, rows)
      return { text, about: { tokens, length, truncated, unknown } }
    })
    const keep = () => true
    const contexts = await inTurn(options.contexts, graph => {
      return inTurn(encoded, async ({ text }) => (await run(graph, { text }, { keep })).residents)
    })
    return encoded.map(({ about }, index) => {
      const bias = textRowBias(about.tokens, length, keyMultiple)
      return { feeds: contexts.map(each => ({ ...each[index], 'text.bias': bias })), ...about }
    })
  }
}

/** Added to the score of a row that counts for nothing: its weight is 0 in every float type. */
const maskedScore = -1e4

/** Rows of a prompt's keys: of the tokens, one that stands for all padding, and masked ones that kernels ask for. */
export function textRows(tokens: number, length: number, keyMultiple: number): number {
  return alignedKeys(Math.min(tokens + 1, length), keyMultiple)
}

/**
 * The embeddings are padded with rows of zeros, which all become the same key and value: one row stands for them, and
 * the logarithm of their number is added to its score.
 * @returns what is added to the scores of the rows of a prompt of so many tokens, [1, rows]
 */
export function textRowBias(tokens: number, length: number, keyMultiple: number): Tensor<'f32'> {
  const rows = textRows(tokens, length, keyMultiple)
  const bias = new Float32Array(rows).fill(maskedScore, tokens)
  if (length > tokens) bias[tokens] = Math.log(length - tokens)
  return tensor('f32', [1, rows], bias) // [1, rows]
}

/**
 * The embeddings of the tokens, [1, ≥ tokens, width], and zeros after them: [1, rows, width]. Padding is masked in the
 * encoder and its rows are dropped, so encoding the tokens alone gives the same rows for less work.
 */
function withZeros(embeddings: Tensor, tokens: number, rows: number): Tensor {
  const width = embeddings.shape[2]!
  return lazyTensor('f32', [1, rows, width], () => {
    const padded = new Float32Array(rows * width)
    padded.set(float32Data(embeddings).subarray(0, tokens * width))
    return padded
  })
}
