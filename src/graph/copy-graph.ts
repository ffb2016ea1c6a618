import { Graph, type Value } from './graph.ts'
import type { Node } from './node.ts'

/** The operands of a node in the copy; undefined for those that it leaves out. */
export type Operands = readonly (Value | undefined)[]

/**
 * The same graph, with some of its nodes replaced: names of inputs, outputs, weights and intermediates stay.
 * @param replace the results of a node in the copy; undefined for one that is copied as it is
 */
export function copyGraph(
  graph: Graph,
  replace: (copy: Graph, node: Node, inputs: Operands) => Value[] | undefined,
): Graph {
  const copy = new Graph(graph.name, { precision: graph.precision, kernels: graph.kernels })
  const values = new Map<string, Value>()
  for (const { name, dtype, shape } of graph.inputs) values.set(name, copy.input(name, dtype, shape))
  for (const each of graph.initializers) {
    const value =
      'tensor' in each ? copy.constant(each.tensor) : copy.weight(each.name, each.external, each.shape)
    values.set(each.name, value)
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(name => values.get(name))
    if (outputs.has(node.outputs[0]!)) {
      values.set(node.outputs[0]!, copy.output(node.outputs[0]!, inputs[0]!))
      continue
    }
    const results = replace(copy, node, inputs) ?? copied(copy, graph, node, inputs)
    for (const [index, name] of node.outputs.entries()) values.set(name, results[index]!)
  }
  for (const [name, { name: value }] of graph.intermediates) copy.named(name, values.get(value)!)
  return copy
}

function copied(copy: Graph, graph: Graph, node: Node, inputs: Operands): Value[] {
  const { op, domain, attributes } = node
  const results = node.outputs.map(name => graph.values.get(name)!)
  return copy.addMany({ op, domain, inputs, attributes }, results, node.name)
}
