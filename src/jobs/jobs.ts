import type { NewTask, TaskRecord, TaskState } from './task.ts'

export interface CreatedTask {
  readonly task: TaskRecord
  /**
   * `created`; `repeated`: the task that the same idempotency key and fingerprint made before; `conflict`: the task
   * that the key made for another request.
   */
  readonly outcome: 'created' | 'repeated' | 'conflict'
}

export interface ListTasks {
  readonly owner: string
  readonly api?: string
  /** @default all */
  readonly states?: readonly TaskState[]
  /** Only those whose request has this text in it, such as words of its prompt or its model's name; case does not count. */
  readonly search?: string
  /** Only those after this place, in the order that is asked for: of `placeOf`. */
  readonly after?: string
  /** 1 to 101: a page of 100, and whether there is another. */
  readonly limit: number
  /** By time of creation. */
  readonly order: 'asc' | 'desc'
}

/** What happened to a task: without a record, it was removed. */
export interface TaskChange {
  readonly id: string
  readonly task?: TaskRecord
}

export interface QueueStats {
  readonly queued: number
  readonly running: number
  /** Seconds that the oldest queued task has waited; 0 without one. */
  readonly oldestSeconds: number
}

/** The durable tasks and their queue, as the HTTP server sees them: a `TaskRunner` makes the videos. */
export interface Jobs extends AsyncDisposable {
  /**
   * Once this returns, the task is on disk: it will end in a final state whatever is killed.
   * @throws JobsError `jobs/limit` when there are as many tasks as `limits` says
   */
  create(task: NewTask): Promise<CreatedTask>
  /** Notes that clients have got the answers to the requests that made these tasks. */
  markAnswered(ids: readonly string[]): Promise<void>
  get(id: string): Promise<TaskRecord | undefined>
  list(options: ListTasks): Promise<readonly TaskRecord[]>
  /**
   * Where a task of an owner stands in the order of creation, also once it was removed: its place is kept as long as
   * tasks are.
   * @returns undefined for a task that the owner never had
   */
  placeOf(owner: string, id: string): Promise<string | undefined>
  /** Tasks of an owner that are not final, but those with the ids. */
  countActive(owner: string, but?: readonly string[]): Promise<number>
  /** Keys of the files that tasks which are not final start from. */
  inputsInUse(): Promise<ReadonlySet<string>>
  /**
   * Asks a task to stop, from any process; a queued one is cancelled at once, a running one when its runner has
   * noticed, though its state is `cancelled` when this returns.
   * @returns the record after it; undefined when there is none
   */
  cancel(id: string): Promise<TaskRecord | undefined>
  /**
   * Forgets a final task; what is below `outputs/<id>`, `previews/<id>`, its checkpoint, and the files below `inputs/` that
   * it was made from and no task waits for, are removed, too.
   * @returns whether there was one
   */
  remove(id: string): Promise<boolean>
  /**
   * The record as it is now, and again whenever it has changed, until it is final or the signal aborts (which ends the
   * iteration without an error). Steps may be left out when the reader is slow. Nothing for an unknown id.
   */
  watch(id: string, signal: AbortSignal): AsyncIterable<TaskRecord>
  /**
   * The tasks of an owner: those that are not final as they are now, then each that was made, has changed or was removed,
   * until the signal aborts (which ends the iteration without an error). Steps may be left out when the reader is slow.
   */
  watchOwner(owner: string, signal: AbortSignal): AsyncIterable<TaskChange>
  stats(): Promise<QueueStats>
  /**
   * For readiness.
   * @throws when the store does not answer, or this process takes no tasks though it has a runner for them
   */
  check(): Promise<void>
}
