/** What ONNX Runtime needs to hold a graph and to run it, estimated from the graph. */
import { castOnce } from './cast-once.ts'
import type { Symbols } from './cost.ts'
import { constantBytes, foldedValues } from './folded-values.ts'
import type { Graph } from './graph.ts'
import { LiveMemory, largestElements, type SizesOf } from './live-memory.ts'
import type { Node } from './node.ts'

/** What becomes of a graph's weights when a session of it is opened. */
export interface WeightLoading {
  /** Whether they are copied into a layout of the runtime's; else they are used where their files are mapped. */
  readonly copied: boolean
  /** Results of weights alone of up to so many bytes are computed then; of copied ones all are. */
  readonly foldLimitBytes: number
  /** Whether narrower ones are computed once and held in their place, see `castOnce`. */
  readonly castOnce: boolean
}

/** What a session takes, in bytes. */
export interface SessionMemory {
  /**
   * Of weights while it is open: as they are stored, or as what is computed from them when it loads. All of them are
   * counted, mapped ones too: where they do not fit, every run reads them from the disk.
   */
  readonly weights: number
  /**
   * Of weights while it is opened. Those that are packed are there twice; mapped files are used where they are, and copied
   * to a GPU straight from there.
   */
  readonly opening: number
  /** @returns bytes that the session's arena holds after a run on inputs of these sizes */
  arena(symbols: Symbols): number
  /** @returns elements of the largest tensor of such a run */
  elements(symbols: Symbols): number
}

/**
 * What an arena takes for every byte that is alive at once. It grows by doubling, hands out blocks larger than was asked
 * for, and keeps what it has until the session goes. Measured on a CPU, 1.5 to 2.2 for transformers and decoders.
 */
const arenaFactor = 1.85

/**
 * Elements that a tensor may have: kernels of ONNX Runtime, cuDNN and CPUs count them in 32 bits, some of them with
 * padding. 1.9 · 2^30.
 */
export const elementLimit = 1.9 * 2 ** 30

/** The memory of a session of a graph. */
export function sessionMemory(whole: Graph, loading: WeightLoading): SessionMemory {
  const { copied, foldLimitBytes } = loading
  const split = loading.castOnce ? castOnce(whole, { leaveBytes: foldLimitBytes }) : undefined
  const { graph, casts } = split ?? { graph: whole, casts: [] }
  const folded = foldedValues(graph, copied ? undefined : foldLimitBytes)
  // Casts are held as they are made, group by group; the stored weights of one group are there beside them.
  const held = casts.flatMap(({ outputs }) => outputs.map(({ name }) => constantBytes(graph, name)))
  const cast = held.reduce((sum, bytes) => sum + bytes, 0)
  const weights = cast + weightsInUse(graph, folded)
  const live = new LiveMemory(graph, folded)
  return {
    weights,
    opening: copied ? 2 * weights : Math.max(weights, cast + Math.max(0, ...casts.map(weightBytesOf))),
    arena: symbols => arenaFactor * live.peakBytes(symbols, workspaceBytes),
    elements: symbols => largestElements(graph, symbols),
  }
}

/** Bytes of a graph's weights as they are stored. */
export function weightBytesOf(graph: Graph): number {
  return graph.initializers.reduce((sum, each) => sum + ('external' in each ? each.external.bytes : 0), 0)
}

/** Bytes of the weights, and of what was computed of them, that nodes read in a run. */
function weightsInUse(graph: Graph, folded: ReadonlySet<string>): number {
  const known = new Set(graph.initializers.map(({ name }) => name))
  const used = new Set<string>()
  for (const node of graph.nodes) {
    if (node.outputs.some(output => folded.has(output))) continue
    for (const input of node.inputs) if (known.has(input) || folded.has(input)) used.add(input)
  }
  return [...used].reduce((sum, name) => sum + constantBytes(graph, name), 0)
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
