import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import type { Graph } from './graph.ts'

/**
 * Names of the results that follow from weights and constants alone: a runtime computes them once, when it loads the graph.
 * @param limitBytes size of a result above which it is left in the graph
 */
export function foldedValues(graph: Graph, limitBytes = Number.POSITIVE_INFINITY): ReadonlySet<string> {
  const constant = new Set(graph.initializers.map(({ name }) => name))
  const folded = new Set<string>()
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter(input => input !== '')
    if (inputs.length === 0 || !inputs.every(input => constant.has(input))) continue
    for (const output of node.outputs) {
      if (constantBytes(graph, output) > limitBytes) continue
      constant.add(output)
      folded.add(output)
    }
  }
  return folded
}

/** Bytes of a weight, or of a result that does not depend on inputs. */
export function constantBytes(graph: Graph, name: string): number {
  const { shape, dtype } = graph.values.get(name)!
  return elementCount(shape.map(Number)) * bytesPerElement(dtype)
}
