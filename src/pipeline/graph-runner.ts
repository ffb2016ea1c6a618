import type { ResidentTensor, RunGraph } from './family.ts'

/** Where the graphs of a generation run. */
export interface GraphRunner {
  readonly device: string
  /** Seconds spent inside runs so far. */
  readonly runningSeconds: number
  readonly run: RunGraph
  drop(residents: Iterable<ResidentTensor>): Promise<void>
}
