import { constantBytes } from './folded-values.ts'
import { Graph, type Value } from './graph.ts'
import type { ExternalTensor, Node } from './node.ts'

/** A graph cut where it casts its weights, or rounds their rows. */
export interface CastOnce {
  /** The graph with the cast weights as further inputs, in the order of its nodes. */
  readonly graph: Graph
  /** Graphs without inputs whose outputs are those inputs, each over a group of weights. */
  readonly casts: readonly Graph[]
}

export interface CastOnceOptions {
  /** Results of up to so many bytes stay in the graph: a runtime folds those by itself. */
  readonly leaveBytes: number
  /** Stored bytes of the weights of one group, unless a single one has more. @default 2 ** 30 */
  readonly groupBytes?: number
}

/**
 * Cuts off the casts of weights to a narrower type, and their rounding to 8-bit floats, so that they are done once and not
 * in every run, and that only the results are held. Undefined for a graph without any.
 */
export function castOnce(
  graph: Graph,
  { leaveBytes, groupBytes = 2 ** 30 }: CastOnceOptions,
): CastOnce | undefined {
  const weights = new Map(
    graph.initializers.flatMap(each => ('external' in each ? [[each.name, each] as const] : [])),
  )
  const casts = graph.nodes.filter(({ op, inputs, outputs }) => {
    if (!narrowing.has(op) || !weights.has(inputs[0]!)) return false
    const bytes = outputs.reduce((sum, output) => sum + constantBytes(graph, output), 0)
    return bytes > leaveBytes && bytes < constantBytes(graph, inputs[0]!)
  })
  if (casts.length === 0) return undefined
  const groups = grouped(casts, ({ inputs }) => weights.get(inputs[0]!)!.external, groupBytes)
  return {
    graph: withoutNodes(graph, new Set(casts)),
    casts: groups.map((nodes, index) => castGraph(graph, `${graph.name}, weights ${index + 1}`, nodes)),
  }
}

/** Ops of one operand that may make it smaller. */
const narrowing = new Set(['Cast', 'RoundRows'])

/** Cuts a list where the next tensor would make a group larger than the limit. */
function grouped(
  nodes: readonly Node[],
  tensorOf: (node: Node) => ExternalTensor,
  limit: number,
): readonly (readonly Node[])[] {
  const groups: Node[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const node of nodes) {
    const more = tensorOf(node).bytes
    if (bytes + more > limit) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)!.push(node)
    bytes += more
  }
  return groups
}

/** The graph without some of its nodes: their results are inputs, and initializers that only they read are left out. */
function withoutNodes(graph: Graph, removed: ReadonlySet<Node>): Graph {
  const nodes = graph.nodes.filter(node => !removed.has(node))
  const results = [...removed].flatMap(({ outputs }) => outputs.map(name => graph.values.get(name)!))
  return graphOf(graph, graph.name, { nodes, inputs: [...graph.inputs, ...results], outputs: graph.outputs })
}

function castGraph(graph: Graph, name: string, nodes: readonly Node[]): Graph {
  const outputs = nodes.flatMap(node => node.outputs.map(output => graph.values.get(output)!))
  return graphOf(graph, name, { nodes, inputs: [], outputs })
}

/** A graph of nodes of another one, with the initializers that they read. */
function graphOf(
  whole: Graph,
  name: string,
  parts: {
    readonly nodes: readonly Node[]
    readonly inputs: readonly Value[]
    readonly outputs: readonly Value[]
  },
): Graph {
  const { precision, kernels } = whole
  const graph = new Graph(name, { precision, kernels })
  const read = new Set(parts.nodes.flatMap(({ inputs }) => inputs))
  graph.nodes.push(...parts.nodes)
  graph.inputs.push(...parts.inputs)
  graph.outputs.push(...parts.outputs)
  graph.initializers.push(...whole.initializers.filter(each => read.has(each.name)))
  for (const { name } of [...parts.inputs, ...graph.initializers]) {
    graph.values.set(name, whole.values.get(name)!)
  }
  for (const { outputs } of parts.nodes) {
    for (const output of outputs) graph.values.set(output, whole.values.get(output)!)
  }
  return graph
}
