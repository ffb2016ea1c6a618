/** What a run of a graph holds in memory at its fullest moment, from its nodes and their shapes: nothing is run. */

import { bytesPerElement } from '../tensor/dtype.ts'
import type { Symbols } from './cost.ts'
import { type Dim, evaluateDim } from './dims.ts'
import type { Graph, Value } from './graph.ts'
import type { Node } from './node.ts'
import { opClassOf } from './op-class.ts'

/** Bytes that a node needs while it runs, beside operands and results. */
export type Workspace = (node: Node, sizes: SizesOf) => number

/**
 * Elements of the largest tensor of a run, inputs and weights included.
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function largestElements(graph: Graph, symbols: Symbols): number {
  const elementsOf = elementCounter(symbols)
  let largest = 0
  for (const value of graph.values.values()) largest = Math.max(largest, elementsOf(value))
  return largest
}

/** Sizes of the values of a graph, by name. */
export interface SizesOf {
  shape(value: string): readonly number[]
  bytes(value: string): number
}

export function sizesOf(graph: Graph, symbols: Symbols): SizesOf {
  const size = dimEvaluator(symbols)
  const elementsOf = elementCounter(symbols)
  return {
    shape: name => graph.values.get(name)!.shape.map(size),
    bytes(name) {
      const value = graph.values.get(name)!
      return elementsOf(value) * bytesPerElement(value.dtype)
    },
  }
}

function dimEvaluator(symbols: Symbols): (dim: Dim) => number {
  const known = new Map<string, number>()
  return dim => {
    if (typeof dim === 'number') return dim
    const size = known.get(dim) ?? evaluateDim(dim, symbols)
    known.set(dim, size)
    return size
  }
}

function elementCounter(symbols: Symbols): (value: Value) => number {
  const size = dimEvaluator(symbols)
  return ({ shape }) => {
    let count = 1
    for (const dim of shape) count *= size(dim)
    return count
  }
}

/** In the place of a result's number: an input, a weight, or what is computed when the graph is loaded. */
const outside = -1

/** The results of a graph and where they are read, numbered once to be measured at any number of sizes. */
export class LiveMemory {
  readonly #graph: Graph
  readonly #nodes: readonly Node[]
  /** In the order of the nodes. */
  readonly #results: readonly Value[]
  readonly #reads: Reads

  /** @param folded results that are computed when the graph is loaded */
  constructor(graph: Graph, folded: ReadonlySet<string> = new Set()) {
    this.#graph = graph
    this.#nodes = graph.nodes.filter(({ outputs }) => !outputs.some(output => folded.has(output)))
    const numbers = new Map<string, number>()
    const results: Value[] = []
    const operands: number[] = []
    const lastUse: number[] = []
    const resultsTo = new Int32Array(this.#nodes.length)
    const operandsTo = new Int32Array(this.#nodes.length)
    this.#nodes.forEach(({ inputs, outputs }, index) => {
      for (const input of inputs) {
        const number = numbers.get(input) ?? outside
        operands.push(number)
        if (number !== outside) lastUse[number] = index
      }
      for (const output of outputs) {
        numbers.set(output, results.length)
        results.push(graph.values.get(output)!)
        lastUse.push(index)
      }
      resultsTo[index] = results.length
      operandsTo[index] = operands.length
    })
    for (const { name } of graph.outputs) {
      const number = numbers.get(name)
      if (number !== undefined) lastUse[number] = this.#nodes.length
    }
    this.#results = results
    this.#reads = {
      resultsTo,
      operands: Int32Array.from(operands),
      operandsTo,
      lastUse: Int32Array.from(lastUse),
    }
  }

  /**
   * Bytes of the results that are alive at once at the worst node, walking the graph in its order: a result lives from its
   * node to its last use, outputs to the end. A view is its operand; an elementwise op writes over an operand of its size
   * that nothing reads later.
   * @throws RangeError for a dimension with a symbol that has no size
   */
  peakBytes(symbols: Symbols, workspace: Workspace = () => 0): number {
    const sizes = sizesOf(this.#graph, symbols)
    const elementsOf = elementCounter(symbols)
    const bytes = new Float64Array(this.#results.length)
    this.#results.forEach((value, result) => {
      bytes[result] = elementsOf(value) * bytesPerElement(value.dtype)
    })
    const buffers = new Buffers(this.#reads, bytes)
    let peak = 0
    this.#nodes.forEach((node, index) => {
      buffers.assign(node, index)
      peak = Math.max(peak, buffers.liveBytes + workspace(node, sizes))
      buffers.freeAfter(index)
    })
    return peak
  }
}

interface Reads {
  /** The results of a node end before this one; they begin where those of the node before end. */
  readonly resultsTo: Int32Array
  /** Numbers of the results that nodes read, or `outside`. */
  readonly operands: Int32Array
  /** As `resultsTo`, in `operands`. */
  readonly operandsTo: Int32Array
  /** The node that reads a result last. */
  readonly lastUse: Int32Array
}

/**
 * The memory of results, each buffer by the number of the result that it was made for. Inputs and weights have none here:
 * they are there before the run.
 */
class Buffers {
  liveBytes = 0
  readonly #reads: Reads
  /** 0 once it is free. */
  readonly #bytes: Float64Array
  readonly #lastUse: Int32Array
  readonly #ofResult: Int32Array

  /** @param bytes of every result */
  constructor(reads: Reads, bytes: Float64Array) {
    this.#reads = reads
    this.#bytes = bytes
    this.#lastUse = reads.lastUse.slice()
    this.#ofResult = new Int32Array(bytes.length)
  }

  /** Puts the results of a node into buffers: of their own, or those of operands. */
  assign(node: Node, index: number): void {
    const { resultsTo, lastUse } = this.#reads
    const end = resultsTo[index]!
    for (let result = resultsTo[index - 1] ?? 0; result < end; result++) {
      const buffer = this.#bufferFor(result, node, index)
      this.#ofResult[result] = buffer
      if (buffer === result) this.liveBytes += this.#bytes[result]!
      else if (buffer !== outside) {
        this.#lastUse[buffer] = Math.max(this.#lastUse[buffer]!, lastUse[result]!)
      }
    }
  }

  /** Frees what nothing reads after a node: of that, the node reads or makes all. */
  freeAfter(index: number): void {
    const { resultsTo, operands, operandsTo } = this.#reads
    const end = operandsTo[index]!
    for (let at = operandsTo[index - 1] ?? 0; at < end; at++) this.#freeUnread(operands[at]!, index)
    for (let result = resultsTo[index - 1] ?? 0; result < resultsTo[index]!; result++) {
      this.#freeUnread(result, index)
    }
  }

  /** @returns `outside` for a view of an input or a weight */
  #bufferFor(result: number, node: Node, index: number): number {
    const opClass = opClassOf(node.op)
    const { operands, operandsTo } = this.#reads
    const first = operandsTo[index - 1] ?? 0
    if (opClass === 'view') return this.#bufferOf(operands[first]!)
    // Operators of our own kernels write to results of their own.
    if (opClass !== 'elementwise' || node.domain === 'framewright') return result
    for (let at = first; at < operandsTo[index]!; at++) {
      const buffer = this.#bufferOf(operands[at]!)
      if (buffer === outside || this.#lastUse[buffer]! > index) continue
      if (this.#bytes[buffer] === this.#bytes[result]) return buffer
    }
    return result
  }

  #freeUnread(result: number, index: number): void {
    const buffer = this.#bufferOf(result)
    if (buffer === outside || this.#lastUse[buffer]! > index) return
    this.liveBytes -= this.#bytes[buffer]!
    this.#bytes[buffer] = 0
  }

  /** @param result of the graph, or `outside` */
  #bufferOf(result: number): number {
    return result === outside ? outside : this.#ofResult[result]!
  }
}
