/**
 * Weights that are decoded at every run, when the layer that uses them runs.
 *
 * ONNX Runtime plans the memory of a graph when it opens it (`AllocationPlanner` in `allocation_planner.cc`). For each
 * result of a known rank it searches all buffers that are free by then for one of the same dimensions. Dimensions that it
 * does not know, as those after a reshape to a computed shape, equal no others: such a buffer is never taken, each search
 * goes through all of them, and opening takes time in the square of the number of nodes. For a result of unknown rank it
 * does not search; that has memory for as long as it is used.
 */
import { tensor } from '../../tensor/tensor.ts'
import type { Graph, Value } from '../graph.ts'
import { reshape } from './layout.ts'

/**
 * A weight, with the same elements, that depends on a value: what is computed from it is neither computed when a
 * session loads nor before the value is there, and can be freed after its use. ONNX Runtime knows no rank of it.
 * @param weight of a shape that is known
 */
export function computedAfter(weight: Value, after: Value): Value {
  const shape = weight.shape.map(Number)
  return reshape(weight, shape, () => {
    return once(after, `[${shape}]`, () => plus(weight.graph.ints(shape), zeroAfter(after)))
  })
}

/**
 * As `reshape`, for a step of decoding a weight. ONNX Runtime knows no rank of the result: it would know one after a
 * reshape to a constant shape, and no dimensions. Not for the last step: ONNX Runtime joins that with a reshape of what was
 * decoded, and fails to (`reshape_fusion.cc`).
 */
export function reshapeDecoded(x: Value, target: readonly (number | '=')[]): Value {
  const { graph } = x
  return reshape(x, target, dims =>
    once(graph, `[${dims}]`, () => plus(graph.ints(dims), zeroWithoutRank(x))),
  )
}

/** What is computed once for a graph, or for a value of one. */
const known = new WeakMap<Graph | Value, Map<string, Value>>()

function once(owner: Graph | Value, key: string, make: () => Value): Value {
  const values = known.get(owner) ?? new Map<string, Value>()
  known.set(owner, values)
  const value = values.get(key) ?? make()
  values.set(key, value)
  return value
}

/** A 0 that is computed from a value, whatever that is: i64 []. */
function zeroAfter(after: Value): Value {
  return once(after, 'zero', () => {
    const inputs = [sizeOf(after), zeroWithoutRank(after)]
    return after.graph.add({ op: 'Mul', inputs }, 'i64', [])
  })
}

/**
 * A 0, i64 [], whose rank ONNX Runtime does not know, nor that of any result of it: it is reshaped to a shape of computed
 * length. One for each graph.
 * @param x any value of the graph
 */
function zeroWithoutRank(x: Value): Value {
  const { graph } = x
  return once(graph, 'zero', () => {
    const size = sizeOf(x)
    const zero = graph.add({ op: 'Sub', inputs: [size, size] }, 'i64', [])
    const [start, step] = [0n, 1n].map(each => graph.constant(tensor('i64', [], BigInt64Array.of(each))))
    const scalar = graph.add({ op: 'Range', inputs: [start, zero, step] }, 'i64', [0])
    return graph.add({ op: 'Reshape', inputs: [zero, scalar] }, 'i64', [])
  })
}

/** The number of elements: i64 []. */
function sizeOf(x: Value): Value {
  return once(x, 'size', () => x.graph.add({ op: 'Size', inputs: [x] }, 'i64', []))
}

function plus(shape: Value, zero: Value): Value {
  return shape.graph.add({ op: 'Add', inputs: [shape, zero] }, 'i64', shape.shape)
}
