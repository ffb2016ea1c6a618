/** How Wan sees a prompt (diffusers `WanPipeline.encode_prompt`). */

import type { Model, RunGraph } from '../../src/pipeline/family.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { cleanPrompt } from '../../src/text/clean.ts'
import { openTokenizer, type PromptTokenizer } from '../../src/text/tokenizer.ts'
import type { Umt5Config } from '../umt5/config.ts'
import { relativePositionBuckets } from '../umt5/encoder.ts'

export interface WanTextOptions {
  readonly tokenizerFolder: string
  readonly textEncoder: Umt5Config
  /** The context graph of every expert. */
  readonly contexts: readonly string[]
}

/**
 * Cleans and tokenizes the prompt, encodes its tokens, pads the embeddings with zeros (which the network attends to,
 * as it was trained), and computes the keys and values of every cross-attention, which stay resident.
 */
export function wanTextConditioner(options: WanTextOptions): Model['conditionText'] {
  let opening: Promise<PromptTokenizer> | undefined
  return async ({ prompt, textTokens }, run) => {
    opening ??= openTokenizer(options.tokenizerFolder)
    const tokenizer = await opening
    const length = Math.min(textTokens, tokenizer.modelMaxLength ?? textTokens)
    const { ids, tokens, truncated, unknown } = tokenizer.encode(await cleanPrompt(prompt), { length })
    const text = await embed(ids.subarray(0, tokens), length, options.textEncoder, run)
    const bias = tensor('f32', [1, text.shape[1]!], rowBias(text.shape[1]!, tokens, length))
    const runs = await Promise.all(options.contexts.map(graph => run(graph, { text }, { keep: () => true })))
    const feeds = runs.map(({ residents }) => ({ ...residents, 'text.bias': bias }))
    return { feeds, tokens, truncated, unknown }
  }
}

/**
 * The embeddings are padded with rows of zeros, which all become the same key and value: one row stands for them, and
 * the logarithm of their number is added to its score.
 */
function rowBias(rows: number, tokens: number, length: number): Float32Array {
  const bias = new Float32Array(rows)
  if (rows > tokens) bias[tokens] = Math.log(length - tokens)
  return bias
}

/**
 * Embeddings [1, rows, width] of the tokens, and one row of zeros where there is padding. Padding is masked in the
 * encoder and its rows are dropped, so encoding the tokens alone gives the same rows for less work.
 */
async function embed(ids: BigInt64Array, length: number, config: Umt5Config, run: RunGraph): Promise<Tensor> {
  const tokens = ids.length
  const { tensors } = await run('text-encoder', {
    ids: tensor('i64', [1, tokens], ids.slice()),
    mask: tensor('f32', [1, tokens], new Float32Array(tokens).fill(1)),
    buckets: tensor('i64', [tokens, tokens], relativePositionBuckets(tokens, config)),
  })
  const rows = Math.min(tokens + 1, length)
  const padded = new Float32Array(rows * config.d_model)
  padded.set(float32Data(tensors.embeddings))
  return tensor('f32', [1, rows, config.d_model], padded)
}
