/**
 * Weights that are decoded at every run, when the layer that uses them runs.
 *
 * ONNX Runtime plans the memory of a graph when it opens it (`AllocationPlanner` in `allocation_planner.cc`). For each
 * result of a known rank it searches all buffers that are free by then for one of the same dimensions. Dimensions that it
 * does not know, as those after a reshape to a computed shape, equal no others: such a buffer is never taken, each search
 * goes through all of them, and opening takes time in the square of the number of nodes. In graphs for a CPU results are of
 * unknown rank: for one of these it does not search; that has memory for as long as it is used. In graphs for a GPU, where
 * shapes of unknown rank would be computed on the device and each copied back, all dimensions are known.
 */
import type { Graph, Value } from '../graph.ts'
import { cast } from './cast.ts'
import { reshape, slice } from './layout.ts'

/**
 * A weight, with the same elements, that depends on a value: what is computed from it is neither computed when a
 * session loads nor before the value is there, and can be freed after its use. On a CPU ONNX Runtime knows no rank of it.
 * @param weight of a shape that is known
 */
export function computedAfter(weight: Value, after: Value): Value {
  const shape = weight.shape.map(Number)
  if (staysOnDevice(weight.graph)) {
    return weight.dtype === 'u8'
      ? chosenAfter(weight, after)
      : reshape(weight, shape, () => rankedShapeAfter(after, shape))
  }
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
  if (staysOnDevice(graph)) return reshape(x, target)
  return reshape(x, target, dims =>
    once(graph, `[${dims}]`, () => plus(graph.ints(dims), zeroWithoutRank(x))),
  )
}

/** Whether the graph is for a GPU, which computes in 16 bits. */
export function staysOnDevice({ precision }: Graph): boolean {
  return precision !== 'f32'
}

/**
 * A weight as the result of a choice between it and itself by an element of a value: whichever that is, ONNX Runtime does not
 * know it before. It costs a pass over the stored bytes, and the CUDA provider has no such choice between 8-bit floats.
 */
function chosenAfter(weight: Value, after: Value): Value {
  const { graph } = weight
  const condition = once(after, 'condition', () => cast(slice(reshape(after, ['*']), 0, 0, 1), 'bool'))
  return graph.add({ op: 'Where', inputs: [condition, weight, weight] }, weight.dtype, weight.shape)
}

/** A shape as i64 [rank], computed from a value on the CPU of any device. */
function rankedShapeAfter(after: Value, shape: readonly number[]): Value {
  const { graph } = after
  const dims = graph.add({ op: 'Shape', inputs: [after] }, 'i64', [after.shape.length])
  const attributes = { keepdims: { int: 0 } }
  const sum = graph.add({ op: 'ReduceSum', inputs: [dims], attributes }, 'i64', [])
  return plus(graph.ints(shape), graph.add({ op: 'Sub', inputs: [sum, sum] }, 'i64', []))
}

/** What is computed once for a graph, or for a value of one. */
const known = new WeakMap<Graph, Map<Graph | Value, Map<string, Value>>>()

function once(owner: Graph | Value, key: string, make: () => Value): Value {
  const graph = 'graph' in owner ? owner.graph : owner
  const ofGraph = known.get(graph) ?? new Map<Graph | Value, Map<string, Value>>()
  known.set(graph, ofGraph)
  const values = ofGraph.get(owner) ?? new Map<string, Value>()
  ofGraph.set(owner, values)
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
 * A 0, i64 [], whose rank ONNX Runtime does not know, nor that of any result of it: it is a sum over computed axes. One for
 * each graph.
 * @param x any value of the graph
 */
function zeroWithoutRank(x: Value): Value {
  const { graph } = x
  return once(graph, 'zero', () => {
    const dims = graph.add({ op: 'Shape', inputs: [x] }, 'i64', [x.shape.length])
    const kept = { keepdims: { int: 1 } }
    const one = graph.add({ op: 'ReduceSum', inputs: [dims], attributes: kept }, 'i64', [1])
    const axes = graph.add({ op: 'Sub', inputs: [one, one] }, 'i64', [1])
    const attributes = { keepdims: { int: 0 } }
    const sum = graph.add({ op: 'ReduceSum', inputs: [dims, axes], attributes }, 'i64', [])
    return graph.add({ op: 'Sub', inputs: [sum, sum] }, 'i64', [])
  })
}

/** The number of elements: i64 []. */
function sizeOf(x: Value): Value {
  return once(x, 'size', () => x.graph.add({ op: 'Size', inputs: [x] }, 'i64', []))
}

function plus(shape: Value, zero: Value): Value {
  return shape.graph.add({ op: 'Add', inputs: [shape, zero] }, 'i64', shape.shape)
}
