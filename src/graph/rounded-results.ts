import { copyGraph, type Operands } from './copy-graph.ts'
import type { Graph, Value } from './graph.ts'
import type { Node } from './node.ts'

/**
 * The graph with the norms, and the products in 8-bit floats, whose results are only rounded to 8-bit floats, each one with
 * that rounding: `kernels/round-norm` and `kernels/round-sums`, where the graph may use them.
 */
export function withRoundedResults(graph: Graph): Graph {
  const values = roundedValues(graph)
  if (values.size === 0) return graph
  const rows = new Map<string, Float8Rows>()
  return copyGraph(graph, (copy, node, inputs) => {
    const [source] = node.inputs
    const found = rows.get(source!)
    if (found && node.op === 'RoundRows') return [inputs[0]!, found.scales]
    if (found && node.op === 'Reshape') {
      const { name, shape } = graph.values.get(node.outputs[0]!)!
      const elements = copy.add({ op: 'Reshape', inputs }, 'f8e4m3', shape, node.name)
      rows.set(name, { elements, scales: found.scales })
      return [elements]
    }
    const result = node.outputs.findIndex(output => values.has(output))
    if (result < 0) return undefined
    const { others, rounded } = roundedNode(copy, graph, node, inputs)
    rows.set(node.outputs[result]!, rounded)
    return node.outputs.map((_, index) => (index === result ? rounded.elements : others[index]!))
  })
}

interface Float8Rows {
  readonly elements: Value
  /** f32, one for each row. */
  readonly scales: Value
}

/** Rows that a kernel holds. */
const widest = { 'round-norm': 8192, 'round-sums': 16_384 } as const

/** The kernels that round what an op gives, and which of its results that is. */
const rounders: Readonly<Record<string, { readonly kernel: keyof typeof widest; readonly result: number }>> =
  {
    NormModulate: { kernel: 'round-norm', result: 0 },
    ResidualNorm: { kernel: 'round-norm', result: 1 },
    LinearFloat8: { kernel: 'round-sums', result: 0 },
  }

/** Results that are read to be rounded, or for their shape, and for nothing else. */
function roundedValues(graph: Graph): ReadonlySet<string> {
  const candidates = graph.nodes.flatMap(({ op, outputs }) => {
    const rounder = rounders[op]
    if (!rounder || !graph.kernels.has(rounder.kernel)) return []
    const { name, dtype, shape } = graph.values.get(outputs[rounder.result]!)!
    const width = Number(shape.at(-1))
    const fits = dtype !== 'f16' && width % 16 === 0 && width <= widest[rounder.kernel]
    return fits ? [name] : []
  })
  if (candidates.length === 0) return new Set()
  const readers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node])
  }
  const named = new Set([...graph.intermediates.values()].map(({ name }) => name))
  const isRounded = (name: string): 'rounded' | 'measured' | 'read' => {
    if (named.has(name)) return 'read'
    const uses = (readers.get(name) ?? []).map(({ op, outputs }) => {
      if (op === 'RoundRows') return 'rounded'
      if (op === 'Shape') return 'measured'
      const sameRows = graph.values.get(outputs[0]!)!.shape.at(-1) === graph.values.get(name)!.shape.at(-1)
      return op === 'Reshape' && sameRows ? isRounded(outputs[0]!) : 'read'
    })
    return uses.includes('read') ? 'read' : uses.includes('rounded') ? 'rounded' : 'measured'
  }
  return new Set(candidates.filter(name => isRounded(name) === 'rounded'))
}

/** A node with the rounding of its result, and its other results at their places. */
function roundedNode(
  copy: Graph,
  graph: Graph,
  { op, name, attributes, outputs }: Node,
  inputs: Operands,
): { readonly others: readonly Value[]; readonly rounded: Float8Rows } {
  const domain = 'framewright'
  const { dtype, shape } = graph.values.get(outputs[rounders[op]!.result]!)!
  const rows = [
    { dtype: 'f8e4m3', shape },
    { dtype: 'f32', shape: [...shape.slice(0, -1), 1] },
  ] as const
  if (op === 'ResidualNorm') {
    const spec = { op: 'RoundResidualNorm', domain, inputs, attributes } as const
    const [total, elements, scales] = copy.addMany(spec, [{ dtype, shape }, ...rows], name)
    return { others: [total!], rounded: { elements: elements!, scales: scales! } }
  }
  if (op === 'NormModulate') {
    const [elements, scales] = copy.addMany({ op: 'RoundNorm', domain, inputs, attributes }, rows, name)
    return { others: [], rounded: { elements: elements!, scales: scales! } }
  }
  // The sums are scaled where they are rounded.
  const unscaled = { gelu: { float: 0 }, scaled: { float: 0 } }
  const sums = copy.add({ op, domain, inputs, attributes: unscaled }, dtype, shape, name)
  const [, rowScales, , columnScales, bias] = inputs
  const spec = {
    op: 'RoundSums',
    domain,
    inputs: [sums, rowScales, columnScales, bias],
    attributes: { gelu: attributes.gelu! },
  } as const
  const [elements, scales] = copy.addMany(spec, rows, `${name}/RoundSums`)
  return { others: [], rounded: { elements: elements!, scales: scales! } }
}
