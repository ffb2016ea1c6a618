/** Attention beside its formula. */
import { textRowBias } from '../../models/wan/text.ts'
import { Graph } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { relativeError } from './relative-error.ts'
import { precisionOf, random, runOnce } from './single-op.ts'

/** Tokens of prompts: their rows are no multiple of 8, one, and all that there is room for. */
const promptLengths = [64, 71, 511]

/** Attention to prompts and to itself, beside the formula on some rows. */
export async function attentionErrors(backend: Backend): Promise<Record<string, number>> {
  const queries = backend.device.type === 'cpu' ? 64 : 4096
  const errors: Record<string, number> = {}
  for (const tokens of promptLengths) {
    const bias = textRowBias(tokens, 512, backend.keyMultiple)
    errors[`prompt of ${tokens} tokens`] = await attentionError(backend, queries, bias.shape[1]!, bias.data)
  }
  errors['all tokens'] = await attentionError(backend, queries, queries)
  return errors
}

const heads = 12
const headDim = 128

async function attentionError(
  backend: Backend,
  queries: number,
  keys: number,
  rowBias?: Float32Array,
): Promise<number> {
  const precision = precisionOf(backend)
  const graph = new Graph('attention', { precision })
  const width = heads * headDim
  const feeds: Record<string, Tensor<'f32'>> = {
    query: random([1, queries, width], 1),
    key: random([1, keys, width], 2),
    value: random([1, keys, width], 3),
  }
  if (rowBias) {
    const bias = new Float32Array(queries * keys)
    for (let row = 0; row < queries; row++) bias.set(rowBias, row * keys)
    feeds.bias = tensor('f32', [1, 1, queries, keys], bias)
  }
  const input = (name: string) => cast(graph.input(name, 'f32', feeds[name]!.shape), precision)
  const [query, key, value] = [input('query'), input('key'), input('value')]
  const mixed = attention(query, key, value, { heads, ...(rowBias && { bias: input('bias') }) })
  graph.output('mixed', cast(mixed, 'f32'))
  const found = float32Data((await runOnce(backend, graph, feeds)).mixed)
  const rows = [0, 1, Math.floor(queries / 2), queries - 1]
  const parts = rows.map(row => found.subarray(row * width, (row + 1) * width))
  const expected = rows.map(row => attentionRow(feeds, row, keys, rowBias))
  return relativeError(
    parts.flatMap(part => [...part]),
    expected.flat(),
  )
}

/** One row of softmax(q kᵀ / √d + bias) v over all heads. */
function attentionRow(
  feeds: Readonly<Record<string, Tensor<'f32'>>>,
  row: number,
  keys: number,
  bias: Float32Array | undefined,
): number[] {
  const width = heads * headDim
  const [query, key, value] = [feeds.query!.data, feeds.key!.data, feeds.value!.data]
  const mixed = new Array<number>(width).fill(0)
  for (let head = 0; head < heads; head++) {
    const start = head * headDim
    const scores = Array.from({ length: keys }, (_, at) => {
      let sum = 0
      for (let i = 0; i < headDim; i++) sum += query[row * width + start + i]! * key[at * width + start + i]!
      return sum / Math.sqrt(headDim) + (bias?.[at] ?? 0)
    })
    const largest = Math.max(...scores)
    const weights = scores.map(score => Math.exp(score - largest))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let at = 0; at < keys; at++) {
      const weight = weights[at]! / total
      for (let i = 0; i < headDim; i++) mixed[start + i]! += weight * value[at * width + start + i]!
    }
  }
  return mixed
}
