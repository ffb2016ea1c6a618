import { createHash } from 'node:crypto'
import PgBoss from 'pg-boss'
import type { TaskRequest } from './contract.ts'
import type { Database, Session } from './database.ts'
import { announceWebhook } from './task-changes.ts'

export interface QueueOptions {
  readonly queue: string
  readonly runSeconds: number
  readonly retries: number
  readonly retryDelaySeconds: number
  readonly onError: (error: Error) => void
}

const schema = 'framewright_queue'
const webhookQueue = 'webhooks'
/** Jobs that were given up: for operators to look at, or to send again. */
const deadLetter = 'dead'
const year = 365

/**
 * The queues in pg-boss: one for each model with its adapters, so that a worker takes only what it can do, and one for
 * webhooks. A job of a model's queue has the id of its task. Everything is done in a session, so that a job and its
 * task change together or not at all. Whoever touches both takes the job first: the order keeps transactions from
 * deadlock.
 */
export class TaskQueue {
  readonly #boss: PgBoss
  readonly #options: QueueOptions
  readonly #made = new Map<string, Promise<void>>()

  private constructor(boss: PgBoss, options: QueueOptions) {
    this.#boss = boss
    this.#options = options
  }

  static async open(database: Database, options: QueueOptions): Promise<TaskQueue> {
    const boss = new PgBoss({ db: asDb(database), schema, schedule: false, supervise: true })
    boss.on('error', error => options.onError(error))
    await boss.start()
    await boss.createQueue(deadLetter)
    await boss.createQueue(webhookQueue)
    return new TaskQueue(boss, options)
  }

  /** Makes the queue of a model, if it is not there: before a transaction that puts something into it. */
  async prepare(model: string): Promise<void> {
    const name = this.#name(model)
    const made = this.#made.get(name) ?? this.#boss.createQueue(name)
    this.#made.set(name, made)
    await made.catch(error => {
      this.#made.delete(name)
      throw error
    })
  }

  async put(session: Session, task: { id: string; model: string; priority: number }): Promise<void> {
    const { runSeconds, retries, retryDelaySeconds } = this.#options
    await this.#boss.send(
      this.#name(task.model),
      {},
      {
        id: task.id,
        priority: task.priority,
        retryLimit: retries,
        retryDelay: retryDelaySeconds,
        retryBackoff: true,
        // A run is ended by its process before; this is for one that nobody looks after.
        expireInSeconds: runSeconds + 3600,
        retentionDays: year,
        deadLetter,
        db: asDb(session),
      },
    )
  }

  /** Takes the task of a model that goes first. @returns its id */
  async take(session: Session, model: string): Promise<string | undefined> {
    const [job] = await this.#boss.fetch(this.#name(model), { db: asDb(session) })
    return job?.id
  }

  /** The end of a job: done, cancelled, or failed for good. */
  async end(session: Session, task: TaskOfModel, how: 'complete' | 'cancel'): Promise<void> {
    const db = asDb(session)
    if (how === 'cancel') await this.#boss.cancel(this.#name(task.model), task.id, { db })
    else await this.#boss.complete(this.#name(task.model), task.id, {}, { db })
  }

  /** An attempt failed. @returns whether there will be another one */
  async fail(session: Session, task: TaskOfModel, failure: object): Promise<boolean> {
    const name = this.#name(task.model)
    const db = asDb(session)
    await this.#boss.fail(name, task.id, failure, { db })
    const job = await this.#boss.getJobById(name, task.id, { db, includeArchive: false })
    return job?.state === 'retry' || job?.state === 'created'
  }

  /**
   * Gives a job back as if it had not been taken: it keeps its place, and no attempt is counted. pg-boss has no call
   * for it.
   */
  async giveBack(session: Session, task: TaskOfModel): Promise<void> {
    await session.query(
      `UPDATE ${schema}.job SET state = 'created', started_on = NULL, start_after = now()
       WHERE name = $1 AND id = $2 AND state = 'active'`,
      [this.#name(task.model), task.id],
    )
  }

  async forget(session: Session, task: TaskOfModel): Promise<void> {
    await this.#boss.deleteJob(this.#name(task.model), task.id, { db: asDb(session) })
  }

  async putWebhook(session: Session, task: string): Promise<void> {
    await this.#boss.send(
      webhookQueue,
      { task },
      {
        retryLimit: 12,
        retryDelay: 5,
        retryBackoff: true,
        expireInSeconds: 120,
        deadLetter,
        db: asDb(session),
      },
    )
    await announceWebhook(session)
  }

  async takeWebhook(): Promise<{ readonly id: string; readonly task: string } | undefined> {
    const [job] = await this.#boss.fetch<{ task: string }>(webhookQueue)
    return job && { id: job.id, task: job.data.task }
  }

  async endWebhook(id: string, error?: Error): Promise<void> {
    if (error) await this.#boss.fail(webhookQueue, id, { message: error.message })
    else await this.#boss.complete(webhookQueue, id)
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false })
  }

  #name(model: string): string {
    return `tasks-${createHash('sha256').update(`${this.#options.queue}\n${model}`).digest('hex').slice(0, 32)}`
  }
}

export interface TaskOfModel {
  readonly id: string
  /** See `queueModelOf`. */
  readonly model: string
}

/** The model of a request with its adapters: what a runner needs to have decides which queue a task waits in. */
export function queueModelOf({ model, adapters = [] }: TaskRequest): string {
  const names = [...new Set(adapters.map(({ name }) => name))].sort()
  return names.length === 0 ? model : JSON.stringify([model, ...names])
}

function asDb(session: Session): PgBoss.Db {
  return { executeSql: async (text, values) => ({ rows: [...(await session.query(text, values))] }) }
}
