import { randomUUID } from 'node:crypto'
import { invalidRequest } from '../errors.ts'
import type { Database } from './database.ts'
import { Housekeeping } from './housekeeping.ts'
import type { CreatedTask, Jobs, ListTasks, QueueStats, TaskChange } from './jobs.ts'
import type { JobsOptions } from './jobs-options.ts'
import { bindStorage } from './storage-marker.ts'
import { finalStates, type NewTask, type TaskRecord } from './task.ts'
import { TaskChanges } from './task-changes.ts'
import { TaskClaims } from './task-claims.ts'
import { TaskStore } from './task-store.ts'
import { TaskWorker } from './task-worker.ts'
import { Wakeup } from './wakeup.ts'
import { watchOwner } from './watch-owner.ts'
import { WebhookDelivery } from './webhook-delivery.ts'
import { WebhookQueue } from './webhook-queue.ts'
import { WorkerHeartbeat } from './worker-heartbeat.ts'

/** Without NOTIFY, which a lost connection may have swallowed, a watcher looks itself. */
const watchMs = 2000

interface Parts {
  readonly database: Database
  readonly store: TaskStore
  readonly changes: TaskChanges
  readonly worker: TaskWorker | undefined
  readonly heartbeat: WorkerHeartbeat | undefined
  readonly delivery: WebhookDelivery | undefined
  readonly housekeeping: Housekeeping
}

/** Tasks in PostgreSQL. */
export class DurableJobs implements Jobs {
  readonly #parts: Parts
  #closing: Promise<void> | undefined

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /** @param database with its tables made; closed with this */
  static async open(database: Database, options: Omit<JobsOptions, 'database'>): Promise<DurableJobs> {
    const {
      storage,
      runner,
      webhooks,
      queue: name = 'default',
      leaseSeconds = 30,
      runSeconds = 6 * 3600,
      retries = 3,
      retryDelaySeconds = 2,
      retentionDays = 30,
      drainSeconds = 0,
      storageKnown = false,
      onError = error => process.emitWarning(error),
      onUnable = () => {},
    } = options
    if (!(runSeconds > 0 && runSeconds <= 20 * 3600)) {
      throw invalidRequest('runSeconds', 'more than 0, and at most 72000 (20 hours)', runSeconds)
    }
    const checkStorage = await bindStorage(database, storage, storageKnown)
    const changes = await TaskChanges.listen(database)
    const id = randomUUID()
    const store = new TaskStore({ database, storage, name })
    const webhookQueue = new WebhookQueue(database)
    const claims = new TaskClaims({ database, name, worker: id, leaseSeconds, retries, retryDelaySeconds })
    // Nobody else has an embedded database: what it says is running was cut off.
    await claims.recover(database.embedded)
    if (database.embedded) await webhookQueue.recover()
    const heartbeat =
      runner && (await WorkerHeartbeat.start(database, { id, queue: name, runner, leaseSeconds, onError }))
    return new DurableJobs({
      database,
      store,
      changes,
      heartbeat,
      worker:
        runner &&
        new TaskWorker({
          claims,
          changes,
          runner,
          storage,
          checkStorage,
          leaseSeconds,
          runSeconds,
          drainSeconds,
          onError,
          onUnable,
        }),
      delivery:
        webhooks &&
        new WebhookDelivery({
          queue: webhookQueue,
          changes,
          sender: webhooks,
          find: each => store.get(each),
          onError,
        }),
      housekeeping: new Housekeeping({ database, claims, store, leaseSeconds, retentionDays, onError }),
    })
  }

  async create(task: NewTask): Promise<CreatedTask> {
    return await this.#parts.store.create(task)
  }

  async markAnswered(ids: readonly string[]): Promise<void> {
    await this.#parts.store.markAnswered(ids)
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    return await this.#parts.store.get(id)
  }

  async list(options: ListTasks): Promise<readonly TaskRecord[]> {
    return await this.#parts.store.list(options)
  }

  async placeOf(owner: string, id: string): Promise<string | undefined> {
    return await this.#parts.store.placeOf(owner, id)
  }

  async countActive(owner: string, but?: readonly string[]): Promise<number> {
    return await this.#parts.store.countActive(owner, but)
  }

  async inputsInUse(): Promise<ReadonlySet<string>> {
    return await this.#parts.store.inputsInUse()
  }

  async cancel(id: string): Promise<TaskRecord | undefined> {
    return await this.#parts.store.cancel(id)
  }

  async remove(id: string): Promise<boolean> {
    return await this.#parts.store.remove(id)
  }

  async *watch(id: string, signal: AbortSignal): AsyncIterable<TaskRecord> {
    const wakeup = new Wakeup()
    const wake = () => wakeup.wake()
    const stopHearing = this.#parts.changes.onTask(id, wake)
    signal.addEventListener('abort', wake, { once: true })
    let seen = ''
    try {
      while (!signal.aborted && !this.#closing) {
        const task = await this.get(id)
        if (!task) return
        const now = JSON.stringify(task)
        if (now !== seen) yield task
        seen = now
        if (finalStates.includes(task.state)) return
        await wakeup.next(watchMs)
      }
    } finally {
      stopHearing()
      signal.removeEventListener('abort', wake)
    }
  }

  async *watchOwner(owner: string, signal: AbortSignal): AsyncIterable<TaskChange> {
    const { store, changes } = this.#parts
    yield* watchOwner({ store, changes, owner, signal, closing: () => this.#closing !== undefined, watchMs })
  }

  async stats(): Promise<QueueStats> {
    return await this.#parts.store.stats()
  }

  async check(): Promise<void> {
    await this.#parts.database.query('SELECT 1')
    this.#parts.worker?.check()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    const { worker, heartbeat, delivery, housekeeping, database } = this.#parts
    await worker?.drain()
    await Promise.all([delivery?.close(), housekeeping.close(), heartbeat?.stop()])
    await database.close()
  }
}
