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
 * Cleans and tokenizes the prompt, encodes its tokens, pads the embeddings with rows of zeros (which the network
 * attends to, as it was trained), and computes the keys and values of every cross-attention, which stay resident.
 */
export function wanTextConditioner(options: WanTextOptions): Model['conditionText'] {
  let opening: Promise<PromptTokenizer> | undefined
  return async ({ prompt, textTokens }, run) => {
    opening ??= openTokenizer(options.tokenizerFolder)
    const tokenizer = await opening
    const length = Math.min(textTokens, tokenizer.modelMaxLength ?? textTokens)
    const { ids, tokens, truncated } = tokenizer.encode(await cleanPrompt(prompt), { length })
    const text = await embed(ids.subarray(0, tokens), length, options.textEncoder, run)
    const runs = await Promise.all(options.contexts.map(graph => run(graph, { text }, { keep: () => true })))
    return { feeds: runs.map(({ residents }) => residents), tokens, truncated }
  }
}

/**
 * Embeddings [1, length, width] of the tokens, zeros after them. Padding is masked in the encoder and its rows are
 * dropped, so encoding the tokens alone gives the same rows for less work.
 */
async function embed(ids: BigInt64Array, length: number, config: Umt5Config, run: RunGraph): Promise<Tensor> {
  const tokens = ids.length
  const { tensors } = await run('text-encoder', {
    ids: tensor('i64', [1, tokens], ids.slice()),
    mask: tensor('f32', [1, tokens], new Float32Array(tokens).fill(1)),
    buckets: tensor('i64', [tokens, tokens], relativePositionBuckets(tokens, config)),
  })
  const padded = new Float32Array(length * config.d_model)
  padded.set(float32Data(tensors.embeddings))
  return tensor('f32', [1, length, config.d_model], padded)
}
