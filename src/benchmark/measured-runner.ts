import type { GraphSource } from '../engine/graph-source.ts'
import type { Lane } from '../engine/lane.ts'
import { type GraphCost, graphCost, type SizedTensor, sizedRun } from '../graph/cost.ts'
import type { Graph } from '../graph/graph.ts'
import { weightBytesOf } from '../graph/session-memory.ts'
import type { GraphRecipe, ResidentTensor, RunGraph, RunResult } from '../pipeline/family.ts'
import type { GraphRunner } from '../pipeline/graph-runner.ts'
import type { MemoryPlan } from '../pipeline/memory-plan.ts'
import { needsPrivateCopy } from '../runtime/session-config.ts'
import { elementCount } from '../tensor/dtype.ts'
import { createGenerator } from '../tensor/random.ts'
import { type Tensor, tensor, zeros } from '../tensor/tensor.ts'

/** A run of a graph that was measured. */
export interface MeasuredRun {
  readonly graph: string
  readonly seconds: number
  readonly cost: GraphCost
}

/**
 * Runs the graphs that are measured on a lane, and keeps what each run took and what it had to compute. The others are
 * not run: random numbers stand in for their results, so that nothing of them has to be loaded.
 */
export class MeasuredRunner implements GraphRunner {
  readonly device: string
  readonly keyMultiple: number
  readonly runs: MeasuredRun[] = []
  readonly #lane: Lane
  readonly #source: GraphSource
  readonly #isMeasured: (recipe: GraphRecipe) => boolean

  constructor(lane: Lane, source: GraphSource, isMeasured: (recipe: GraphRecipe) => boolean) {
    this.device = lane.device
    this.keyMultiple = lane.keyMultiple
    this.#lane = lane
    this.#source = source
    this.#isMeasured = isMeasured
  }

  get runningSeconds(): number {
    return this.#lane.runningSeconds
  }

  readonly run: RunGraph = async (name, feeds, options) => {
    const graph = await this.#source.graph(name)
    const { symbols, outputs } = sizedRun(graph, feeds, options?.fetch)
    if (!this.#isMeasured(this.#source.recipe(name))) return standIn(outputs)
    // Counted before the clock is started; the lane opens the session in its own time.
    const cost = graphCost(graph, symbols, { folded: this.device === 'cpu' && isCopied(graph) })
    const before = this.#lane.runningSeconds
    const result = await this.#lane.run(name, feeds, options)
    this.runs.push({ graph: name, seconds: this.#lane.runningSeconds - before, cost })
    return result
  }

  get memory(): MemoryPlan {
    return this.#lane.memory
  }

  openArrays(shape: readonly number[]) {
    return this.#lane.openArrays(shape)
  }

  shrink(): Promise<boolean> {
    return this.#lane.shrink()
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    await this.#lane.drop(residents)
  }
}

/** A CPU computes what follows from weights when it copies them. */
function isCopied(graph: Graph): boolean {
  return needsPrivateCopy({ weightBytes: weightBytesOf(graph) })
}

/** Results in f32 are random, others zero; nothing is kept resident. */
function standIn(outputs: readonly SizedTensor[]): RunResult {
  const random = createGenerator(1n)
  const tensors = outputs.flatMap(({ name, dtype, shape }): [string, Tensor][] => {
    const count = elementCount(shape)
    if (dtype === 'f32') return [[name, tensor('f32', shape, random.randn(count))]]
    return dtype === 'u8' ? [[name, zeros(dtype, shape)]] : []
  })
  return { tensors: Object.fromEntries(tensors), residents: {} }
}
