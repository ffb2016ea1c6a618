/** Single ops beside what they have to compute: our kernels beside their references, attention beside its formula. */
import { gatedResidual } from '../../kernels/gated-residual/op.ts'
import { normModulate } from '../../kernels/norm-modulate/op.ts'
import { qkNormRope } from '../../kernels/qk-norm-rope/op.ts'
import { textRowBias } from '../../models/wan/text.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { createGenerator } from '../../src/sampling/noise.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { relativeError } from './relative-error.ts'

/** Elements after which random numbers repeat: making all of them would take longer than what is checked. */
const period = 1_000_003
const units = createGenerator(1n).randn(period)

function random(shape: readonly number[], seed: number, scale = 1): Tensor<'f32'> {
  const data = new Float32Array(elementCount(shape))
  const cycle = units.map((_, index) => scale * units[(index + 7919 * seed) % period]!)
  for (let at = 0; at < data.length; at += period) data.set(cycle.subarray(0, data.length - at), at)
  return tensor('f32', shape, data)
}

async function run(backend: Backend, graph: Graph, feeds: Record<string, Tensor>) {
  const bytes = serialize(graph, { locate: file => file })
  const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes: 0 })
  const { tensors } = await session.run(feeds)
  await session.release()
  return tensors
}

function precisionOf({ device }: Backend) {
  return device.type === 'cpu' ? 'f32' : 'bf16'
}

type GraphInputs = (name: string) => Value

/** A kernel's op on random numbers. */
interface KernelCase {
  readonly feeds: Record<string, Tensor<'f32'>>
  /** @param inner an input in the backend's precision; `outer` gives it in f32 */
  readonly build: (inner: GraphInputs, outer: GraphInputs) => Readonly<Record<string, Value>>
}

function kernelCases(tokens: number, width: number): Readonly<Record<string, KernelCase>> {
  const headDim = 128
  const rows = [1, 1, tokens, width]
  const perRow = [1, 1, 1, width]
  const angles = random([1, tokens, headDim / 2], 5)
  return {
    'qk-norm-rope': {
      feeds: {
        query: random([1, tokens, width], 1),
        key: random([1, tokens, width], 2),
        'query.scale': random([width], 3),
        'key.scale': random([width], 4),
        cos: tensor('f32', angles.shape, angles.data.map(Math.cos)),
        sin: tensor('f32', angles.shape, angles.data.map(Math.sin)),
      },
      build: (inner, outer) => ({
        ...qkNormRope(
          { query: inner('query'), key: inner('key') },
          { query: inner('query.scale'), key: inner('key.scale') },
          { cos: outer('cos'), sin: outer('sin') },
          { epsilon: 1e-6, headDim },
        ),
      }),
    },
    'norm-modulate': {
      feeds: { x: random(rows, 1), scale: random(perRow, 2), shift: random(perRow, 3) },
      build: (inner, outer) => ({
        rows: normModulate(
          inner('x'),
          { scale: outer('scale'), shift: outer('shift') },
          { norm: 'layer', epsilon: 1e-6, offset: 1 },
        ),
      }),
    },
    'gated-residual': {
      feeds: { x: random(rows, 1), update: random(rows, 2), gate: random(perRow, 3) },
      build: (inner, outer) => ({ rows: gatedResidual(inner('x'), inner('update'), outer('gate')) }),
    },
  }
}

/** What every kernel of ours gives and what ONNX's ops give for it, at the size of a 14B model. */
export async function kernelErrors(backend: Backend): Promise<Record<string, number>> {
  const [tokens, width] = backend.device.type === 'cpu' ? ([64, 512] as const) : ([32_760, 5120] as const)
  const errors: Record<string, number> = {}
  for (const [kernel, { feeds, build }] of Object.entries(kernelCases(tokens, width))) {
    if (!backend.kernels.has(kernel)) throw new Error(`kernels: expected ${kernel}, got none built.`)
    const graphOf = (kernels: ReadonlySet<string>) => {
      const precision = precisionOf(backend)
      const graph = new Graph(kernel, { precision, kernels })
      const inputs = new Map(
        Object.entries(feeds).map(([name, { shape }]) => [name, graph.input(name, 'f32', shape)]),
      )
      const outer = (name: string) => inputs.get(name)!
      const results = build(name => cast(outer(name), precision), outer)
      for (const [name, value] of Object.entries(results)) graph.output(`${name}, f32`, cast(value, 'f32'))
      return graph
    }
    const ours = await run(backend, graphOf(backend.kernels), feeds)
    const reference = await run(backend, graphOf(new Set()), feeds)
    for (const [name, { data }] of Object.entries(reference)) {
      const about = `${kernel}, ${name.replace(', f32', '')}`
      errors[about] = relativeError(float32Data(ours[name]), data as Float32Array)
    }
  }
  return errors
}

/** Tokens of prompts: their rows are no multiple of 8, one, and all that there is room for. */
const promptLengths = [64, 71, 511]

/** Attention to prompts and to itself, beside the formula on some rows. */
export async function attentionErrors(backend: Backend): Promise<Record<string, number>> {
  const queries = backend.device.type === 'cpu' ? 64 : 4096
  const errors: Record<string, number> = {}
  for (const tokens of promptLengths) {
    const bias = textRowBias(tokens, 512)
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
  const found = float32Data((await run(backend, graph, feeds)).mixed)
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
