/** How long graphs take on a GPU by their FLOPs and bytes, before one has run them. */
import { nodeCosts, type OpCost, type Symbols } from '../../src/graph/cost.ts'
import type { Graph } from '../../src/graph/graph.ts'
import type { OpClass } from '../../src/graph/op-class.ts'

/** Assumed rates of a GPU in ONNX Runtime's kernels, below the data sheet's. */
export interface Accelerator {
  readonly name: string
  /** FLOPs a second in 16 bits, by class of op; the others are bound by memory. */
  readonly flops: Readonly<Partial<Record<OpClass, number>>>
  /** FLOPs a second of products in 8-bit floats. */
  readonly float8Flops: number
  /** Bytes a second. */
  readonly bandwidth: number
  /** Seconds that an op takes at least. */
  readonly launch: number
}

const hopper = { matmul: 650e12, attention: 620e12, convolution: 350e12 } as const

/**
 * NVIDIA measures 1.75 times the speed of bf16 for large products with a scale for each row ("Boosting Matrix
 * Multiplication Speed and Flexibility with NVIDIA cuBLAS 12.9", 2025).
 */
const float8Flops = 1.75 * hopper.matmul

/** Both have the same cores; of the bandwidth that is published, 3.35 and 4.8 TB/s, elementwise passes reach 84 %. */
export const accelerators: readonly Accelerator[] = [
  { name: 'H100 SXM', flops: hopper, float8Flops, bandwidth: 0.84 * 3.35e12, launch: 3e-6 },
  { name: 'H200', flops: hopper, float8Flops, bandwidth: 0.84 * 4.8e12, launch: 3e-6 },
]

/** What a part of a network does, by op class: launches, FLOPs and bytes. */
export interface Counted extends OpCost {
  /** Bytes of the ops that only memory counts for: norms, elementwise ops, copies. */
  readonly passBytes: number
  /** By accelerator, in their order. */
  readonly seconds: readonly number[]
}

export const nothing: Counted = {
  nodes: 0,
  flops: 0,
  bytes: 0,
  passBytes: 0,
  seconds: accelerators.map(() => 0),
}

/** Counts a graph's ops that compute or move anything; views do not. */
export function counted(graph: Graph, symbols: Symbols): Counted {
  return nodeCosts(graph, symbols, true)
    .filter(({ opClass }) => opClass !== 'view')
    .map(({ op, opClass, cost }) => ({
      ...cost,
      passBytes: opClass in hopper ? 0 : cost.bytes,
      seconds: accelerators.map(({ flops, float8Flops, bandwidth, launch }) => {
        const rate = op === 'LinearFloat8' ? float8Flops : flops[opClass]
        return Math.max(launch, cost.bytes / bandwidth, rate ? cost.flops / rate : 0)
      }),
    }))
    .reduce((sum, each) => combined(sum, each, 1), nothing)
}

/** a + times · b */
export function combined(a: Counted, b: Counted, times: number): Counted {
  return {
    nodes: a.nodes + times * b.nodes,
    flops: a.flops + times * b.flops,
    bytes: a.bytes + times * b.bytes,
    passBytes: a.passBytes + times * b.passBytes,
    seconds: a.seconds.map((seconds, index) => seconds + times * b.seconds[index]!),
  }
}

/** What a layer adds: a network of two less one of one. */
export function layerOf(build: (layers: number) => Graph, symbols: Symbols): Counted {
  return combined(counted(build(2), symbols), counted(build(1), symbols), -1)
}
