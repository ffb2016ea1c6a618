/**
 * Graphs of operators of ONNX's own standard alone (`ai.onnx`, opset 23), for runtimes that do not know those of ONNX
 * Runtime. Attention is in four dimensions, as TensorRT takes it.
 */
import { tensor } from '../tensor/tensor.ts'
import { copyGraph, type Operands } from './copy-graph.ts'
import type { Dim } from './dims.ts'
import type { Graph, Value } from './graph.ts'
import type { Node } from './node.ts'
import { dimAt } from './operand.ts'
import { sigmoid } from './ops/activation.ts'
import { cast } from './ops/cast.ts'
import { scalarLike } from './ops/constant.ts'
import { add, multiply } from './ops/elementwise.ts'
import { reshape, slice, transpose, unsqueeze } from './ops/layout.ts'

/**
 * The same graph in standard operators: names of inputs, outputs, weights and intermediates stay.
 * @throws GraphError for an operator of our own kernels, which has no standard form here
 */
export function standardGraph(graph: Graph): Graph {
  return copyGraph(graph, (standard, node, inputs) => {
    if (node.domain === '') return undefined
    const lower = lowerings[node.op]
    if (node.domain !== 'com.microsoft' || !lower) {
      throw standard.invalid(node.name, 'an operator with a standard form', `${node.domain}.${node.op}`)
    }
    return [standard.within(node.name, () => lower(inputs, node))]
  })
}

const lowerings: Readonly<Record<string, (inputs: Operands, node: Node) => Value>> = {
  FusedMatMul: matmul,
  QuickGelu: scaledSilu,
  MultiHeadAttention: attention,
}

/** x · Wᵀ */
function matmul([x, weight]: Operands, { attributes }: Node): Value {
  const names = Object.keys(attributes)
  if (names.join() !== 'transB') throw x!.graph.invalid('FusedMatMul', 'transB alone', names.join())
  const shape = [...x!.shape.slice(0, -1), dimAt(weight!, 0)] // [..., out]
  return x!.graph.add({ op: 'MatMul', inputs: [x!, transpose(weight!, [1, 0])] }, x!.dtype, shape)
}

/** x · sigmoid(alpha · x) */
function scaledSilu([x]: Operands, { attributes }: Node): Value {
  const { float: alpha } = attributes.alpha as { float: number }
  const scaled = alpha === 1 ? x! : multiply(x!, alpha)
  return multiply(x!, sigmoid(scaled))
}

function attention([query, key, value, , keyLengths, bias]: Operands, { attributes }: Node): Value {
  const { graph } = query!
  const { int: heads } = attributes.num_heads as { int: number }
  const [q, k, v] = [query!, key!, value!].map(each => byHead(each, heads)) as [Value, Value, Value]
  const padding = keyLengths && paddingBias(query!, key!, keyLengths)
  const mask = bias && padding ? add(bias, padding) : (bias ?? padding)
  const mixed = graph.add(
    {
      op: 'Attention',
      inputs: [q, k, v, ...(mask ? [mask] : [])],
      attributes: {
        ...(attributes.unidirectional && { is_causal: { int: 1 } }),
        ...(attributes.scale && { scale: attributes.scale }),
      },
    },
    query!.dtype,
    [...q.shape.slice(0, 3), dimAt(v, 3)],
  ) // [batch, heads, queries, headDim]
  return reshape(transpose(mixed, [0, 2, 1, 3]), ['=', '=', dimAt(value!, 2) as number]) // [batch, queries, heads · headDim]
}

/** [batch, rows, heads · headDim] → [batch, heads, rows, headDim] */
function byHead(x: Value, heads: number): Value {
  const split = reshape(x, ['=', '=', heads, Number(dimAt(x, 2)) / heads]) // [batch, rows, heads, headDim]
  return transpose(split, [0, 2, 1, 3])
}

/** What is added to the scores so that keys past the length count nothing: [batch, 1, queries, keys]. */
function paddingBias(query: Value, key: Value, lengths: Value): Value {
  const { graph } = query
  const positions = unsqueeze(places(key), 0) // [1, keys]
  const shape = [dimAt(lengths, 0), dimAt(key, 1)]
  const limits = unsqueeze(cast(lengths, 'i64'), 1) // [batch, 1]
  const inside = graph.add({ op: 'Less', inputs: [positions, limits] }, 'bool', shape)
  const [kept, left] = [0, lowest[query.dtype as keyof typeof lowest]].map(each => scalarLike(query, each))
  const perKey = graph.add({ op: 'Where', inputs: [inside, kept, left] }, query.dtype, shape) // [batch, keys]
  const perQuery = multiply(slice(query, 2, 0, 1), 0) // [batch, queries, 1]
  return unsqueeze(add(unsqueeze(perKey, 1), perQuery), 1)
}

/** Far below every score, and a number in the type. */
const lowest = { f32: -1e30, bf16: -1e30, f16: -6e4 } as const

/** 0, 1, … of the keys, i64 [keys]. */
function places(key: Value): Value {
  const { graph } = key
  const keys: Dim = dimAt(key, 1)
  if (typeof keys === 'number') return graph.ints(Array.from({ length: keys }, (_, index) => index))
  const attributes = { start: { int: 1 }, end: { int: 2 } }
  const counted = graph.add({ op: 'Shape', inputs: [key], attributes }, 'i64', [1])
  const count = graph.add({ op: 'Squeeze', inputs: [counted, graph.ints([0])] }, 'i64', [])
  const [first, step] = [0, 1].map(each => graph.constant(tensor('i64', [], BigInt64Array.of(BigInt(each)))))
  return graph.add({ op: 'Range', inputs: [first, count, step] }, 'i64', [keys])
}
