/** What ONNX Runtime needs to hold a graph and to run it, estimated from the graph. */

import type { Symbols } from '../graph/cost.ts'
import { constantBytes, foldedValues } from '../graph/folded-values.ts'
import type { Graph } from '../graph/graph.ts'
import { peakBytes, type SizesOf } from '../graph/live-memory.ts'
import type { Node } from '../graph/node.ts'
import type { Device } from './device.ts'
import { foldLimitBytes, needsPrivateCopy } from './session-config.ts'

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
  const folded = foldedBy(graph, stored, device)
  const known = new Set(graph.initializers.map(({ name }) => name))
  const used = new Set<string>()
  for (const node of graph.nodes) {
    if (node.outputs.some(output => folded.has(output))) continue
    for (const input of node.inputs) if (known.has(input) || folded.has(input)) used.add(input)
  }
  return [...used].reduce((sum, name) => sum + constantBytes(graph, name), 0)
}

/**
 * Bytes of weights while a session is opened. Those that a CPU packs are there twice; mapped files are used where they
 * are, and copied to a GPU straight from there.
 * @param open bytes while the session is open, see {@link weightBytes}
 */
export function openingBytes(open: number, stored: number, device: Device): number {
  return copiesWeights(stored, device) ? 2 * open : open
}

/** Bytes that an arena holds after a run with inputs of these sizes. */
export function arenaBytes(graph: Graph, stored: number, symbols: Symbols, device: Device): number {
  const folded = foldedBy(graph, stored, device)
  return arenaFactor * peakBytes(graph, symbols, workspaceBytes, folded)
}

/** What the runtime folds when a session loads, see `sessionConfig`. */
function foldedBy(graph: Graph, stored: number, device: Device): ReadonlySet<string> {
  return copiesWeights(stored, device) ? foldedValues(graph) : foldedValues(graph, foldLimitBytes)
}

function copiesWeights(stored: number, device: Device): boolean {
  return device.type === 'cpu' && needsPrivateCopy({ weightBytes: stored })
}

/**
 * Elements that a tensor may have: kernels of ONNX Runtime, cuDNN and CPUs count them in 32 bits, some of them with
 * padding. 1.9 · 2^30.
 */
export const elementLimit = 1.9 * 2 ** 30

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
