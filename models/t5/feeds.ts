import { alignedKeys } from '../../src/graph/ops/attention.ts'
import { lazyTensor, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { T5Config } from './config.ts'
import { relativePositionBuckets } from './encoder.ts'

/**
 * Inputs of the encoder for token ids [tokens], with masked padding up to the next number of keys that the attention
 * kernels take. No token sees the padding; its rows of the embeddings, after those of the tokens, are of no use.
 */
export function encoderFeeds(
  ids: BigInt64Array,
  config: T5Config,
  keyMultiple: number,
): Readonly<Record<string, Tensor>> {
  const keys = alignedKeys(ids.length, keyMultiple)
  const padded = new BigInt64Array(keys)
  padded.set(ids)
  return {
    ids: tensor('i64', [1, keys], padded),
    mask: tensor('f32', [1, keys], new Float32Array(keys).fill(1, 0, ids.length)),
    buckets: lazyTensor('i64', [keys, keys], () => relativePositionBuckets(keys, config)),
  }
}
