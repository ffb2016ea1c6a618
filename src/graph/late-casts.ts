import { copyGraph } from './copy-graph.ts'
import type { Graph, Value } from './graph.ts'
import { cast } from './ops/cast.ts'
import { computedAfter } from './ops/computed-after.ts'
import { matmulTransposed } from './ops/matmul.ts'

/**
 * The graph with the stored weights of its linear layers cast when the layer's input is there, and freed after it. For
 * weights that stay in their files: ONNX Runtime begins a run with what depends on no input, and would hold a cast copy of
 * all of them.
 */
export function withLateCasts(graph: Graph): Graph {
  const casts = lateCasts(graph)
  const stored = new Map<string, Value>()
  return copyGraph(graph, (copy, node, inputs) => {
    if (casts.has(node.outputs[0]!)) {
      stored.set(node.outputs[0]!, inputs[0]!)
      return []
    }
    const weight = stored.get(node.inputs[1] ?? '')
    if (!weight) return undefined
    const x = inputs[0]!
    return [copy.within(node.name, () => matmulTransposed(x, cast(computedAfter(weight, x), x.dtype)))]
  })
}

/** Casts of weights in files whose results are matrices of linear layers, and nothing else. */
function lateCasts(graph: Graph): ReadonlySet<string> {
  const weights = new Set(graph.initializers.filter(each => 'external' in each).map(({ name }) => name))
  const casts = graph.nodes.filter(({ op, inputs }) => op === 'Cast' && weights.has(inputs[0]!))
  const late = new Set(casts.map(({ outputs }) => outputs[0]!))
  for (const { name } of graph.intermediates.values()) late.delete(name)
  for (const { op, inputs } of graph.nodes) {
    for (const [index, input] of inputs.entries()) {
      if (op !== 'FusedMatMul' || index !== 1) late.delete(input)
    }
  }
  return late
}
