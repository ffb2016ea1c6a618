import type { Symbols } from './cost.ts'
import { evaluateDim } from './dims.ts'
import { Graph, type Value } from './graph.ts'

/**
 * The same graph for inputs of one size: numbers in the place of the symbols in its shapes.
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function staticGraph(graph: Graph, symbols: Symbols): Graph {
  const { name, precision, kernels } = graph
  const fixed = new Graph(name, { precision, kernels })
  const sized = (value: Value): Value => {
    return { ...value, graph: fixed, shape: value.shape.map(dim => evaluateDim(dim, symbols)) }
  }
  for (const [name, value] of graph.values) fixed.values.set(name, sized(value))
  const known = (value: Value) => fixed.values.get(value.name)!
  fixed.nodes.push(...graph.nodes)
  fixed.initializers.push(...graph.initializers)
  fixed.inputs.push(...graph.inputs.map(known))
  fixed.outputs.push(...graph.outputs.map(known))
  for (const [name, value] of graph.intermediates) fixed.intermediates.set(name, known(value))
  return fixed
}
