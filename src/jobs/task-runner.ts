import type { TaskFailure, TaskProgress, TaskRecord, TaskResult } from './task.ts'

/** One run of a task, as a runner gets it. */
export interface TaskRun {
  readonly task: TaskRecord
  /** Aborted when the task is cancelled, its claim is lost, or the process drains: see `reason`. */
  readonly signal: AbortSignal
  /** Says how far it is. Does not wait; the store may leave some out. */
  readonly report: (progress: TaskProgress) => void
  /**
   * Key in `Storage` of the file that holds the state of the run, to be resumed from: the runner writes it at an
   * interval (a new file, renamed), and reads it when it is there. Jobs removes it when the task is final.
   */
  readonly checkpoint: string
}

/** Reasons of `TaskRun.signal`. On `drain` the runner saves a checkpoint where it can, and ends with `interrupted`. */
export type StopReason = 'cancelled' | 'lost' | 'drain'

/**
 * How a run ended. Outputs are written under `outputs/<task id>/<attempt>-…`, so that two attempts never write one
 * file, and are published by the record that names them. `retry`: whether another attempt may succeed. A failure with the
 * code `runtime/provider` is the machine's: the task is handed back as if it had not been taken, and the lane that it ran
 * in takes no more.
 */
export type RunOutcome =
  | { readonly type: 'succeeded'; readonly result: TaskResult }
  | { readonly type: 'failed'; readonly failure: TaskFailure; readonly retry: boolean }
  | { readonly type: 'interrupted' }

/** Makes videos, one at a time for each of its lanes. */
export interface TaskRunner extends AsyncDisposable {
  /** Models that it takes tasks of, as `TaskRequest.model` names them. */
  readonly models: readonly string[]
  /** Names of adapters that it has. It takes no tasks with others. @default none */
  readonly adapters?: readonly string[]
  /** Tasks that it works on at a time: one per device. */
  readonly lanes: number
  /** Does not throw. */
  run(run: TaskRun): Promise<RunOutcome>
}
