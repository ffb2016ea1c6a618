/** What ONNX Runtime needs to hold a graph and to run it, estimated from the graph. */
import type { Symbols } from '../graph/cost.ts'
import type { Graph } from '../graph/graph.ts'
import { peakBytes, type SizesOf, sizesOf } from '../graph/live-memory.ts'
import type { Node } from '../graph/value.ts'
import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import type { Device } from './backend.ts'
import { foldLimitBytes, prepackLimitBytes } from './session-config.ts'

/** What a process needs for ONNX Runtime itself: its libraries, a worker thread, the first blocks of an allocator. */
export const runtimeBytes = 64 * 2 ** 20

/**
 * What an arena takes for every byte that is alive at once. It grows by doubling, hands out blocks larger than was asked
 * for, and keeps what it has until the session goes. Measured on a CPU, 1.5 to 2.2 for transformers and decoders.
 */
const arenaFactor = 1.85

/**
 * Bytes of weights while a session is open: as they are stored, or as what is computed from them when it loads. All of
 * them are counted, mapped ones too: where they do not fit, every run reads them from the disk.
 */
export function weightBytes(graph: Graph, stored: number, device: Device): number {
  const folded = foldedValues(graph, stored, device)
  const known = new Set(graph.initializers.map(({ name }) => name))
  const used = new Set<string>()
  for (const node of graph.nodes) {
    if (node.outputs.some(output => folded.has(output))) continue
    for (const input of node.inputs) if (known.has(input) || folded.has(input)) used.add(input)
  }
  return [...used].reduce((sum, name) => sum + constantBytes(graph, name), 0)
}

/** Bytes that an arena holds after a run with inputs of these sizes. */
export function arenaBytes(graph: Graph, stored: number, symbols: Symbols, device: Device): number {
  const folded = foldedValues(graph, stored, device)
  return arenaFactor * peakBytes(graph, symbols, workspaceBytes, folded)
}

/** Bytes of a graph's outputs of these names. */
export function outputBytes(graph: Graph, names: readonly string[], symbols: Symbols): number {
  const sizes = sizesOf(graph, symbols)
  return names.reduce((sum, name) => sum + sizes.bytes(name), 0)
}

/** Constants that are computed when a session loads, from weights and constants alone. */
function foldedValues(graph: Graph, stored: number, device: Device): ReadonlySet<string> {
  const limit =
    device.type === 'cpu' && stored <= prepackLimitBytes ? Number.POSITIVE_INFINITY : foldLimitBytes
  const constant = new Set(graph.initializers.map(({ name }) => name))
  const folded = new Set<string>()
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter(input => input !== '')
    if (inputs.length === 0 || !inputs.every(input => constant.has(input))) continue
    for (const output of node.outputs) {
      if (constantBytes(graph, output) > limit) continue
      constant.add(output)
      folded.add(output)
    }
  }
  return folded
}

/** Of a weight, or a result that does not depend on inputs. */
function constantBytes(graph: Graph, name: string): number {
  const { shape, dtype } = graph.values.get(name)!
  return elementCount(shape.map(Number)) * bytesPerElement(dtype)
}

/**
 * Convolutions bring their operand and their result into blocks of channels and back. Attention deals queries, keys and
 * values out by head; with a bias it holds the score of every query and key.
 */
function workspaceBytes(node: Node, sizes: SizesOf): number {
  const operand = (index: number) => sizes.bytes(node.inputs[index]!)
  if (node.op === 'Conv') return operand(0) + sizes.bytes(node.outputs[0]!)
  if (node.op !== 'MultiHeadAttention') return 0
  const dealt = operand(0) + operand(1) + operand(2) + sizes.bytes(node.outputs[0]!)
  if (!node.inputs[5]) return dealt
  const { num_heads: heads } = node.attributes
  const [batch, queries] = sizes.shape(node.inputs[0]!) as [number, number]
  const keys = sizes.shape(node.inputs[1]!)[1]!
  return dealt + 4 * batch * (heads as { int: number }).int * queries * keys
}
