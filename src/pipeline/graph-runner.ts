import type { StateArrays } from '../tensor/state-arrays.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ResidentTensor, RunGraph } from './family.ts'
import type { MemoryPlan } from './memory-plan.ts'

/** Where the graphs of a generation run. */
export interface GraphRunner {
  readonly device: string
  /** Attention with a bias is given keys in multiples of this. */
  readonly keyMultiple: number
  /** Seconds spent inside runs so far. */
  readonly runningSeconds: number
  readonly run: RunGraph
  /** As `run`, for graphs of prompts: what an encoder gave for one before may be known. @default run */
  readonly runForPrompt?: RunGraph | undefined
  /** A second place, where one of two passes of a step runs while the other runs in the first. @default none */
  readonly runBeside?: RunGraph
  /** Arrays for the state of a stream; those that a run leaves are freed with everything else it leaves. */
  openArrays(shape: readonly number[]): StateArrays<unknown>
  /**
   * Refuses what a graph has made where that is infinite or no number; `run` does so for what it gives itself.
   * @default nothing is refused
   */
  assertFinite?(graph: string, tensors: Readonly<Record<string, Tensor>>): Promise<void>
  drop(residents: Iterable<ResidentTensor>): Promise<void>
  /** How the memory is used now; a run that does not fit changes it to one that lets components go. */
  readonly memory: MemoryPlan
  /** Goes over to the next plan in which less is encoded or decoded at a time. False when there is none. */
  shrink(): Promise<boolean>
}
