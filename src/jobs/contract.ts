/**
 * What the programs agree on about tasks. The HTTP server creates and reads tasks (`Jobs`), a runner makes the videos
 * (`TaskRunner`), a sender tells others that a task has ended (`WebhookSender`), and everything that is a file is in
 * `Storage`. Everything in a record is JSON, so that any store can hold it.
 */

import type { Notice } from '../notices.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type JsonObject = { readonly [name: string]: Json }

/**
 * queued → running → succeeded | failed | cancelled. A task whose runner dies, or hands it back, is queued again with
 * its checkpoint; the last three states are final.
 */
export const taskStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type TaskState = (typeof taskStates)[number]

export const finalStates: readonly TaskState[] = ['succeeded', 'failed', 'cancelled']

/** What is to be made. */
export interface TaskRequest {
  /** Model as `resolveModel` takes it. A runner takes only tasks of models it has. */
  readonly model: string
  /**
   * Fields of `GenerateRequest` as JSON: the seed, which is set before the task is created, as a decimal string, and
   * files as keys of `Storage`.
   */
  readonly generate: JsonObject
  /** Adapters to run the model with, by the names that runners have them under. @default none */
  readonly adapters?: readonly TaskAdapter[]
}

export interface TaskAdapter {
  readonly name: string
  readonly scale: number
}

export interface NewTask {
  /** UUID. @default one of its own */
  readonly id?: string
  /** Id of the API key that it belongs to. */
  readonly owner: string
  /** Name of the interface that it came through, such as `runway`; `list` can ask for it. */
  readonly api: string
  readonly request: TaskRequest
  /** What the interface wants to know about the task later, such as the model's public name. Not read by a runner. */
  readonly about: JsonObject
  /** Higher goes first. @default 0 */
  readonly priority?: number
  /**
   * A second task of the same owner with the same key within `seconds` is not made: the first is returned.
   * `fingerprint` is a hash of the request.
   */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string; readonly seconds: number }
  /** Where its end is announced. */
  readonly webhook?: { readonly url: string }
  /** Numbers of tasks from which on none is made; counted and made in one step. */
  readonly limits?: TaskLimits
}

export interface TaskLimits {
  /** Tasks of the owner that are queued or running. */
  readonly active?: number
  /** Tasks of all owners that are queued. */
  readonly queued?: number
}

export interface TaskRecord extends Omit<NewTask, 'id' | 'idempotency' | 'priority' | 'limits'> {
  /** UUID. */
  readonly id: string
  readonly priority: number
  readonly state: TaskState
  /** Tasks that are running or go first; 0 unless queued. */
  readonly ahead: number
  /** Runs that were begun: 0 before the first. A runner's attempt is this number: the fence of what it writes. */
  readonly attempt: number
  readonly progress: TaskProgress
  readonly result?: TaskResult
  readonly failure?: TaskFailure
  /** Whether the client that created it is known to have got the answer. @default false */
  readonly answered?: boolean
  /** ISO 8601, UTC. */
  readonly createdAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
}

/** How far a run is. `fraction` never falls, also across attempts. */
export interface TaskProgress {
  /** 0 to 1. */
  readonly fraction: number
  readonly stage: 'waiting' | 'loading' | 'conditioning' | 'denoising' | 'decoding' | 'done'
  /** Steps that are done, of how many; 0 of 0 before the first is known. */
  readonly step: number
  readonly of: number
  /** Estimate of what is left, once a step was timed. */
  readonly secondsLeft?: number
  /** The latest picture of the latents: a JPEG in `Storage`. */
  readonly preview?: { readonly key: string; readonly step: number }
  /** What is not made as it was asked for, as far as the run has noticed; without paths of the machine. */
  readonly notices?: readonly Notice[]
}

export const noProgress: TaskProgress = { fraction: 0, stage: 'waiting', step: 0, of: 0 }

export interface TaskResult {
  readonly outputs: readonly TaskOutput[]
  readonly width: number
  readonly height: number
  /** Of the file: a video that goes on from another begins with that one's. */
  readonly frames: number
  readonly fps: number
  /** Decimal. */
  readonly seed: string
  /** By stage, and `total`: of the attempt that ended it. */
  readonly seconds: { readonly [stage: string]: number }
  /** Largest resident memory of the process that made it. */
  readonly peakMemoryBytes: number
  /** @default none */
  readonly notices?: readonly Notice[]
}

export interface TaskOutput {
  readonly name: 'video' | 'thumbnail' | 'spritesheet'
  /** In `Storage`. */
  readonly key: string
  readonly contentType: string
  readonly bytes: number
}

export interface TaskFailure {
  /** A code of docs/errors.md, or `internal`. */
  readonly code: string
  /** Names no path of the machine that it happened on. */
  readonly message: string
  /** The field of `TaskRequest.generate` that the message begins with, where one is to blame. */
  readonly field?: string
  /** What the run that failed had noticed. @default none */
  readonly notices?: readonly Notice[]
}

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
  /** 1 to 100. */
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

/** The durable tasks and their queue, as the HTTP server sees them. */
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

/** Key of an API client. The secret itself is stored nowhere: a SHA-256 of it is. */
export interface ApiKey {
  /** UUID: the owner of tasks. */
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly revokedAt?: string
  readonly limits: KeyLimits
}

export interface KeyLimits {
  /** Tasks that may be queued or running at a time. */
  readonly activeTasks?: number
}

export interface Keys {
  /** The key that is not revoked and has this secret. Compares hashes, in constant time. */
  find(secret: string): Promise<ApiKey | undefined>
  /** Whether there is a key that is not revoked. */
  any(): Promise<boolean>
}

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

/** Announces the end of a task. Jobs calls it from its queue, and again with backoff until it is delivered. */
export interface WebhookSender {
  /**
   * @param id the same in every attempt: receivers tell repeats by it
   * @throws when it was not delivered
   */
  send(id: string, task: TaskRecord, signal: AbortSignal): Promise<void>
}

/**
 * Files by key: `inputs/…`, `uploads/…`, `outputs/…`, `previews/…`, `checkpoints/…`. Keys are path-safe
 * (`[a-z0-9][a-z0-9._-]*` between slashes). A folder that all machines of a fleet see, or their own.
 */
export interface Storage {
  /** Absolute path of the file, whether or not it is there. @throws RequestError for a key that is not one */
  pathOf(key: string): string
  /** Writes a file whole or not at all. */
  write(key: string, bytes: Uint8Array): Promise<void>
  /** Moves a file on the same file system there, whole or not at all. */
  adopt(path: string, key: string): Promise<void>
  /** The same bytes under another key, as a link where the file system has them. Both count as changed then. */
  copy(from: string, to: string): Promise<void>
  /** Size in bytes and time of change; undefined when it is not there. */
  stat(key: string): Promise<{ readonly bytes: number; readonly changed: Date } | undefined>
  /** Removes a file, or all below a key. */
  remove(key: string): Promise<void>
  /**
   * Removes the files below a key that have not changed since, and folders that are empty then.
   * @param but keys of files that stay
   * @returns how many
   */
  removeOlder(key: string, than: Date, but?: ReadonlySet<string>): Promise<number>
}

export interface JobsOptions {
  /** A folder for the embedded store, or the address of a PostgreSQL server, `postgres://…`. */
  readonly database: string
  readonly storage: Storage
  /** Makes videos in this process; without one, tasks are only put into the queue. */
  readonly runner?: TaskRunner
  readonly webhooks?: WebhookSender
  /** Days that final tasks and their files are kept. @default 30 */
  readonly retentionDays?: number
  /** Name of the queue that tasks are put into and taken from. @default `default` */
  readonly queue?: string
  /** Seconds without a sign of life after which a run is taken from its process. @default 30 */
  readonly leaseSeconds?: number
  /** Seconds that one run may take, at most 72000. @default 21600 */
  readonly runSeconds?: number
  /** Further attempts after one that failed or was lost. @default 3 */
  readonly retries?: number
  /** Seconds before the first of them, doubled before each further one. @default 2 */
  readonly retryDelaySeconds?: number
  /** Seconds that runs may go on when the jobs are disposed of, before they are handed back. @default 0 */
  readonly drainSeconds?: number
  /**
   * Whether the storage has to be known to the database already: for programs that only read from the queue. One that is
   * not makes it known. @default false
   */
  readonly storageKnown?: boolean
  /** Called with errors beside the tasks, such as a lost connection. @default emits a process warning */
  readonly onError?: (error: Error) => void
  /** Told when this process takes no more tasks, and why: none of its lanes works, or its storage is gone. */
  readonly onUnable?: (failure: TaskFailure) => void
}

/** What a program works with. Disposing of `jobs` hands back what runs (`drain`), and closes the store. */
export interface OpenedJobs {
  readonly jobs: Jobs
  readonly keys: Keys
}

/** The one function by which programs open the tasks: `openJobs` of `src/jobs/open-jobs.ts`. */
export type OpenJobs = (options: JobsOptions) => Promise<OpenedJobs>
