import { lazyRotaryTables } from '../../src/geometry/rotary.ts'
import { alignedKeys } from '../../src/graph/ops/attention.ts'
import { lazyTensor, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { GemmaConfig, LayerKind } from './config.ts'

/** Added to the score of a key that is not seen: far below any score, and finite in bf16. */
const unseen = -1e30

/**
 * Inputs of the encoder for token ids [tokens] that stand at the end of a sequence that was padded on the left, up to the
 * next number of keys that the attention kernels take: rows after those of the tokens are of no use, and no token sees
 * them.
 * @param first place of the first token in the padded sequence
 */
export function gemmaFeeds(
  ids: BigInt64Array,
  first: number,
  config: GemmaConfig,
  keyMultiple: number,
): Readonly<Record<string, Tensor>> {
  const count = alignedKeys(ids.length, keyMultiple)
  const padded = new BigInt64Array(count)
  padded.set(ids)
  return {
    ids: tensor('i64', [1, count], padded),
    ...kindFeeds('full', { count, first, window: count }, config),
    ...kindFeeds('sliding', { count, first, window: config.window }, config),
  }
}

function kindFeeds(
  kind: LayerKind,
  { count, first, window }: { readonly count: number; readonly first: number; readonly window: number },
  { kinds }: GemmaConfig,
): Record<string, Tensor> {
  const { headDim, rope } = kinds[kind]
  const half = headDim / 2
  const { theta, factor, share } = rope
  const turning = Math.floor(share * half)
  const bias = () => {
    const scores = new Float32Array(count * count).fill(unseen)
    for (let query = 0; query < count; query++) {
      scores.fill(0, query * count + Math.max(0, query - window + 1), query * count + query + 1)
    }
    return scores
  }
  const frequencies = Float32Array.from({ length: half }, (_, index) => {
    return index >= turning ? 0 : Math.fround(1 / Math.fround(theta ** Math.fround(index / half))) / factor
  })
  const { cos, sin } = lazyRotaryTables(count, half, turn => {
    return Float32Array.from({ length: count * half }, (_, at) => {
      return turn(Math.fround((first + Math.floor(at / half)) * frequencies[at % half]!))
    })
  })
  return {
    [`${kind}.cos`]: cos,
    [`${kind}.sin`]: sin,
    [`${kind}.bias`]: lazyTensor('f32', [1, 1, count, count], bias),
  }
}
