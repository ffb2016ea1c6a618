/** What a graph has to compute and to move, counted from its nodes: nothing is run. */

import { bytesPerElement, type DType, elementCount } from '../tensor/dtype.ts'
import { evaluateDim, type Shape, shapeText } from './dims.ts'
import { foldedValues } from './folded-values.ts'
import type { Graph, Value } from './graph.ts'
import type { Node } from './node.ts'
import { type OpClass, opClassOf } from './op-class.ts'

export interface OpCost {
  readonly nodes: number
  /** Two for every multiplication that is added up: of matrix products, attention and convolutions, as papers count. */
  readonly flops: number
  /** What the nodes read and write, each operand once: as if none were fused and no cache held anything. */
  readonly bytes: number
}

export interface GraphCost extends OpCost {
  readonly classes: Readonly<Partial<Record<OpClass, OpCost>>>
}

/** Sizes that the dimensions of a graph stand for. */
export type Symbols = Readonly<Record<string, number>>

/**
 * The sizes that inputs of given shapes give to a graph's symbols.
 * @param shapes of inputs by name; those that are left out say nothing
 * @throws GraphError when a shape does not fit its input, or gives a symbol another size than another one
 */
export function symbolsFrom(graph: Graph, shapes: Readonly<Record<string, readonly number[]>>): Symbols {
  const symbols: Record<string, number> = {}
  const given = graph.inputs.flatMap(input => {
    const shape = shapes[input.name]
    return shape === undefined ? [] : [{ input, shape }]
  })
  for (const { input, shape } of given) {
    for (const [axis, dim] of input.shape.entries()) {
      const [, factor = '1', symbol, rest = '0'] =
        /^(?:(\d+)\*)?([a-z_]\w*)([+-]\d+)?$/i.exec(String(dim)) ?? []
      if (symbol !== undefined) symbols[symbol] ??= ((shape[axis] ?? 0) - Number(rest)) / Number(factor)
    }
  }
  for (const { input, shape } of given) {
    const expected = sizesOf(input.shape, symbols)
    if (expected.length === shape.length && expected.every((size, axis) => size === shape[axis])) continue
    throw graph.invalid(input.name, shapeText(expected), shapeText(shape))
  }
  return symbols
}

/** A tensor of known size. */
export interface SizedTensor {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** The outputs that a run with such sizes gives, or those of them that are asked for. */
export function sizedOutputs(graph: Graph, symbols: Symbols, asked?: readonly string[]): SizedTensor[] {
  const given = graph.outputs.filter(({ name }) => asked?.includes(name) ?? true)
  return given.map(({ name, dtype, shape }) => ({ name, dtype, shape: sizesOf(shape, symbols) }))
}

/** A run of a graph on inputs of known shapes, as far as sizes go. */
export interface SizedRun {
  readonly symbols: Symbols
  /** What it gives, of that what is asked for. */
  readonly outputs: readonly SizedTensor[]
  readonly inputBytes: number
  readonly outputBytes: number
}

/**
 * The sizes of a run.
 * @param feeds those that are given for several inputs count once
 * @throws GraphError as `symbolsFrom`
 */
export function sizedRun(
  graph: Graph,
  feeds: Readonly<Record<string, Omit<SizedTensor, 'name'>>>,
  asked?: readonly string[],
): SizedRun {
  const shapes = Object.entries(feeds).map(([name, { shape }]) => [name, shape] as const)
  const symbols = symbolsFrom(graph, Object.fromEntries(shapes))
  const outputs = sizedOutputs(graph, symbols, asked)
  const inputBytes = bytesTogether(new Set(Object.values(feeds)))
  return { symbols, outputs, inputBytes, outputBytes: bytesTogether(outputs) }
}

/** Bytes of dense tensors together. */
export function bytesTogether(tensors: Iterable<Omit<SizedTensor, 'name'>>): number {
  let bytes = 0
  for (const { dtype, shape } of tensors) bytes += bytesPerElement(dtype) * elementCount(shape)
  return bytes
}

/**
 * Counts what one run of a graph costs.
 * @param options.folded whether what follows from the weights alone is computed once, when the graph is loaded
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function graphCost(
  graph: Graph,
  symbols: Symbols,
  { folded = false }: { readonly folded?: boolean } = {},
): GraphCost {
  const classes: Partial<Record<OpClass, OpCost>> = {}
  for (const { opClass, cost } of nodeCosts(graph, symbols, folded)) {
    classes[opClass] = sumOf(classes[opClass] ?? nothing, cost)
  }
  return { ...Object.values(classes).reduce(sumOf, nothing), classes }
}

/**
 * The cost of every node of one run, in the graph's order.
 * @param folded whether what follows from the weights alone is left out
 * @throws RangeError for a dimension with a symbol that has no size
 */
export function nodeCosts(
  graph: Graph,
  symbols: Symbols,
  folded = false,
): { readonly op: string; readonly opClass: OpClass; readonly cost: OpCost }[] {
  const constant = folded ? foldedValues(graph) : new Set<string>()
  const counted = graph.nodes.filter(({ outputs }) => !outputs.every(name => constant.has(name)))
  return counted.map(node => {
    return { op: node.op, opClass: opClassOf(node.op), cost: nodeCost(graph, node, symbols) }
  })
}

/** The cost of running one graph after the other. */
export function addCosts(a: GraphCost, b: GraphCost): GraphCost {
  const classes: Partial<Record<OpClass, OpCost>> = { ...a.classes }
  for (const [name, cost] of Object.entries(b.classes) as [OpClass, OpCost][]) {
    classes[name] = sumOf(classes[name] ?? nothing, cost)
  }
  return { ...sumOf(a, b), classes }
}

export const nothing: OpCost = Object.freeze({ nodes: 0, flops: 0, bytes: 0 })

function sumOf(a: OpCost, b: OpCost): OpCost {
  return { nodes: a.nodes + b.nodes, flops: a.flops + b.flops, bytes: a.bytes + b.bytes }
}

function nodeCost(graph: Graph, node: Node, symbols: Symbols): OpCost {
  const valuesOf = (names: readonly string[]) =>
    names.flatMap(name => (name === '' ? [] : graph.values.get(name)!))
  const inputs = valuesOf(node.inputs)
  const outputs = valuesOf(node.outputs)
  return {
    nodes: 1,
    flops: flopsOf(node, inputs, outputs, symbols),
    bytes: bytesOf(node, inputs, outputs, symbols),
  }
}

function flopsOf(node: Node, inputs: readonly Value[], outputs: readonly Value[], symbols: Symbols): number {
  const [first, second, third] = inputs.map(({ shape }) => sizesOf(shape, symbols))
  const result = elementsOf(outputs[0]!, symbols)
  switch (opClassOf(node.op)) {
    case 'matmul':
      // Every element of the result is a sum over the operand's last axis.
      return 2 * result * first!.at(-1)!
    case 'convolution': {
      // W is [out, in, …kernel]: so many products for every element of the result. That of a transposed convolution is
      // [in, out, …kernel]: so many for every element of the operand.
      const products = second!.slice(1).reduce((product, size) => product * size, 1)
      if (node.op === 'ConvTranspose') {
        return 2 * elementsOf(inputs[0]!, symbols) * products
      }
      return 2 * result * products
    }
    case 'attention': {
      // Scores, [batch, queries, width] · [batch, keys, width]ᵀ, and their product with the values, over all heads.
      const [batch, queries, width] = first as [number, number, number]
      return 2 * batch * queries * second![1]! * (width + third![2]!)
    }
    default:
      return 0
  }
}

/** Operands of which no more is read than the result holds. */
const partlyRead = new Set(['Gather', 'Slice'])

function bytesOf(node: Node, inputs: readonly Value[], outputs: readonly Value[], symbols: Symbols): number {
  if (opClassOf(node.op) === 'view') return 0
  const bytes = (values: readonly Value[]) =>
    values.reduce((sum, value) => sum + elementsOf(value, symbols) * bytesPerElement(value.dtype), 0)
  const written = bytes(outputs)
  return written + (partlyRead.has(node.op) ? written : bytes(inputs))
}

function elementsOf(value: Value, symbols: Symbols): number {
  return sizesOf(value.shape, symbols).reduce((product, size) => product * size, 1)
}

function sizesOf(shape: Shape, symbols: Symbols): number[] {
  return shape.map(dim => evaluateDim(dim, symbols))
}
