/** What a run of a graph holds in memory at its fullest moment, from its nodes and their shapes: nothing is run. */

import { bytesPerElement } from '../tensor/dtype.ts'
import type { Symbols } from './cost.ts'
import { type Dim, evaluateDim } from './dims.ts'
import type { Graph, Value } from './graph.ts'
import type { Node } from './node.ts'
import { opClassOf } from './op-class.ts'

/**
 * Bytes of the results that are alive at once at the worst node, walking the graph in its order: a result lives from
 * its node to its last use, outputs to the end. A view is its operand; an elementwise op writes over an operand of
 * its size that nothing reads later.
 * @param workspace bytes that a node needs while it runs, beside operands and results
 * @param folded results that are computed when the graph is loaded
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function peakBytes(
  graph: Graph,
  symbols: Symbols,
  workspace: (node: Node, sizes: SizesOf) => number = () => 0,
  folded: ReadonlySet<string> = new Set(),
): number {
  const sizes = sizesOf(graph, symbols)
  const buffers = new Buffers(graph)
  let peak = 0
  for (const [index, node] of graph.nodes.entries()) {
    if (node.outputs.some(output => folded.has(output))) continue
    for (const output of node.outputs) buffers.assign(node, output, index, sizes)
    peak = Math.max(peak, buffers.bytes + workspace(node, sizes))
    buffers.freeAfter(index)
  }
  return peak
}

/**
 * Elements of the largest tensor of a run, inputs and weights included.
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function largestElements(graph: Graph, symbols: Symbols): number {
  const sizes = sizesOf(graph, symbols)
  return [...graph.values.keys()].reduce(
    (largest, name) =>
      Math.max(
        largest,
        sizes.shape(name).reduce((product, size) => product * size, 1),
      ),
    0,
  )
}

/** Sizes of the values of a graph, by name. */
export interface SizesOf {
  shape(value: string): readonly number[]
  bytes(value: string): number
}

export function sizesOf(graph: Graph, symbols: Symbols): SizesOf {
  const dims = new Map<Dim, number>()
  const size = (dim: Dim) => {
    const found = dims.get(dim) ?? evaluateDim(dim, symbols)
    dims.set(dim, found)
    return found
  }
  const shape = (name: string) => valueNamed(graph, name).shape.map(size)
  const known = new Map<string, number>()
  const bytes = (name: string) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const counted =
      shape(name).reduce((product, size) => product * size, 1) *
      bytesPerElement(valueNamed(graph, name).dtype)
    known.set(name, counted)
    return counted
  }
  return { shape, bytes }
}

function valueNamed(graph: Graph, name: string): Value {
  return graph.values.get(name)!
}

interface Buffer {
  readonly bytes: number
  /** The node that reads it last. */
  lastUse: number
}

/** The memory of results. Inputs and weights have none here: they are there before the run. */
class Buffers {
  bytes = 0
  readonly #lastUse = new Map<string, number>()
  readonly #ofValue = new Map<string, Buffer>()
  readonly #live = new Set<Buffer>()

  constructor(graph: Graph) {
    graph.nodes.forEach((node, index) => {
      for (const input of node.inputs) this.#lastUse.set(input, index)
    })
    for (const { name } of graph.outputs) this.#lastUse.set(name, Number.POSITIVE_INFINITY)
  }

  assign(node: Node, output: string, index: number, sizes: SizesOf): void {
    const lastUse = this.#lastUse.get(output) ?? index
    const taken = this.#taken(node, index, sizes.bytes(output))
    if (taken === 'outside') return
    const buffer = taken ?? { bytes: sizes.bytes(output), lastUse }
    buffer.lastUse = Math.max(buffer.lastUse, lastUse)
    this.#ofValue.set(output, buffer)
    if (this.#live.has(buffer)) return
    this.#live.add(buffer)
    this.bytes += buffer.bytes
  }

  freeAfter(index: number): void {
    for (const buffer of this.#live) {
      if (buffer.lastUse > index) continue
      this.#live.delete(buffer)
      this.bytes -= buffer.bytes
    }
  }

  /** The operand's buffer that a result is put into; `outside` for a view of an input or a weight. */
  #taken(node: Node, index: number, bytes: number): Buffer | 'outside' | undefined {
    const opClass = opClassOf(node.op)
    if (opClass === 'view') return this.#ofValue.get(node.inputs[0]!) ?? 'outside'
    // Operators of our own kernels write to results of their own.
    if (opClass !== 'elementwise' || node.domain === 'framewright') return undefined
    const operands = node.inputs.flatMap(input => this.#ofValue.get(input) ?? [])
    return operands.find(buffer => buffer.lastUse <= index && buffer.bytes === bytes)
  }
}
