import type { ResidentTensor, RunGraph } from './family.ts'
import type { MemoryPlan } from './memory-plan.ts'
import type { RunValues } from './run-values.ts'

/** Where the graphs of a generation run. */
export interface GraphRunner {
  readonly device: string
  /** Seconds spent inside runs so far. */
  readonly runningSeconds: number
  readonly run: RunGraph
  /** Where the unconditional branch of a step runs beside the conditional one; the same place, after it, unless given. */
  readonly runUnconditional?: RunGraph
  /** Where the state of a run is kept; what is left of it is freed with the rest of what the run left. */
  openValues(shape: readonly number[]): RunValues<unknown>
  drop(residents: Iterable<ResidentTensor>): Promise<void>
  /** How the memory is used now; a run that does not fit changes it to one that lets components go. */
  readonly memory: MemoryPlan
  /** Goes over to the next plan in which less is encoded or decoded at a time. False when there is none. */
  shrink(): Promise<boolean>
}

/** Waits for both, also when one fails: nothing may run on after the caller went on. */
export async function both<T>(first: Promise<T>, second: Promise<T>): Promise<[T, T]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}
