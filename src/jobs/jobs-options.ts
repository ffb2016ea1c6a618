import type { Jobs } from './jobs.ts'
import type { Keys } from './keys.ts'
import type { Storage } from './storage.ts'
import type { TaskFailure } from './task.ts'
import type { TaskRunner } from './task-runner.ts'
import type { WebhookSender } from './webhook-sender.ts'

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
  /** Called when this process takes no more tasks, with the reason: none of its lanes works, or its storage is gone. */
  readonly onUnable?: (failure: TaskFailure) => void
}

/** What a program works with. Disposing of `jobs` hands back what runs (`drain`), and closes the store. */
export interface OpenedJobs {
  readonly jobs: Jobs
  readonly keys: Keys
}

/** The one function by which programs open the tasks: `openJobs` of `src/jobs/open-jobs.ts`. */
export type OpenJobs = (options: JobsOptions) => Promise<OpenedJobs>
