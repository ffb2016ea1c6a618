import { randomUUID } from 'node:crypto'
import {
  type CreatedTask,
  finalStates,
  type ListTasks,
  type NewTask,
  noProgress,
  type QueueStats,
  type Storage,
  type TaskRecord,
} from './contract.ts'
import type { Database, Session } from './database.ts'
import { announce } from './task-changes.ts'
import { queueModelOf, type TaskQueue } from './task-queue.ts'
import { TaskReader } from './task-reader.ts'
import { taskColumns, taskOf } from './task-rows.ts'

export interface StoreParts {
  readonly database: Database
  readonly queue: TaskQueue
  readonly storage: Storage
  /** Name of the queue. */
  readonly name: string
}

export const checkpointKey = (id: string) => `checkpoints/${id}.safetensors`

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Tasks as those see them who create and ask for them. */
export class TaskStore {
  readonly #database: Database
  readonly #reader: TaskReader
  readonly #queue: TaskQueue
  readonly #storage: Storage
  readonly #name: string

  constructor({ database, queue, storage, name }: StoreParts) {
    this.#database = database
    this.#reader = new TaskReader(database)
    this.#queue = queue
    this.#storage = storage
    this.#name = name
  }

  async create(task: NewTask): Promise<CreatedTask> {
    await this.#queue.prepare(queueModelOf(task.request))
    return await this.#database.transaction(async session => {
      const id = randomUUID()
      const before = task.idempotency && (await idempotent(session, id, task.owner, task.idempotency))
      if (before) {
        const there = (await find(session, before.task))!
        return { task: there, outcome: before.same ? 'repeated' : 'conflict' } as const
      }
      const { owner, api, request, about, priority = 0, webhook } = task
      const model = queueModelOf(request)
      const [[created]] = await Promise.all([
        session.query(
          `INSERT INTO framewright.tasks AS t
             (id, queue, model, owner, api, request, about, priority, webhook, progress)
           VALUES ($1, $2, $3, $4, $5, $6::json, $7::json, $8, $9::json, $10::json) RETURNING ${taskColumns}`,
          [
            id,
            this.#name,
            model,
            owner,
            api,
            JSON.stringify(request),
            JSON.stringify(about),
            priority,
            webhook ? JSON.stringify(webhook) : null,
            JSON.stringify(noProgress),
          ],
        ),
        this.#queue.put(session, { id, model, priority }),
        announce(session, id, 'queued'),
      ])
      return { task: taskOf(created!), outcome: 'created' } as const
    })
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    return uuid.test(id) ? await this.#reader.get(id.toLowerCase()) : undefined
  }

  async list({ owner, api, after, limit, order }: ListTasks): Promise<readonly TaskRecord[]> {
    const [compare, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC']
    const rows = await this.#database.query(
      `SELECT ${taskColumns} FROM framewright.tasks t
       WHERE t.owner = $1 AND ($2::text IS NULL OR t.api = $2)
         AND ($3::uuid IS NULL OR t.seq ${compare} (SELECT seq FROM framewright.tasks WHERE id = $3))
       ORDER BY t.seq ${direction} LIMIT $4`,
      [owner, api ?? null, after !== undefined && uuid.test(after) ? after : null, limit],
    )
    return rows.map(taskOf)
  }

  async countActive(owner: string): Promise<number> {
    const [row] = await this.#database.query(
      `SELECT count(*)::int AS count FROM framewright.tasks
       WHERE owner = $1 AND state IN ('queued', 'running')`,
      [owner],
    )
    return row!.count as number
  }

  async cancel(id: string): Promise<TaskRecord | undefined> {
    const before = await this.get(id)
    if (!before || finalStates.includes(before.state)) return before
    const cancelled = await this.#database.transaction(async session => {
      const [, [row]] = await Promise.all([
        this.#queue.end(session, { id, model: queueModelOf(before.request) }, 'cancel'),
        session.query(
          `UPDATE framewright.tasks t SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL
           WHERE t.id = $1 AND t.state IN ('queued', 'running') RETURNING ${taskColumns}`,
          [id],
        ),
      ])
      if (!row) return undefined
      await Promise.all([
        before.webhook && this.#queue.putWebhook(session, id),
        announce(session, id, 'cancelled'),
      ])
      return taskOf(row)
    })
    await this.#storage.remove(checkpointKey(id))
    return cancelled ?? (await this.get(id))
  }

  async remove(id: string): Promise<boolean> {
    const task = await this.get(id)
    if (!task || !finalStates.includes(task.state)) return false
    // Files first: what is left when this is cut short still has a record, and is removed with it later.
    for (const key of [`outputs/${id}`, `previews/${id}`, checkpointKey(id)]) await this.#storage.remove(key)
    return await this.#database.transaction(async session => {
      const [, rows] = await Promise.all([
        this.#queue.forget(session, { id, model: queueModelOf(task.request) }),
        session.query('DELETE FROM framewright.tasks WHERE id = $1 RETURNING id', [id]),
      ])
      return rows.length > 0
    })
  }

  async stats(): Promise<QueueStats> {
    const [row] = await this.#database.query(
      `SELECT count(*) FILTER (WHERE state = 'queued')::int AS queued,
         count(*) FILTER (WHERE state = 'running')::int AS running,
         coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE state = 'queued')), 0)::float8
           AS oldest
       FROM framewright.tasks WHERE queue = $1 AND state IN ('queued', 'running')`,
      [this.#name],
    )
    const { queued, running, oldest } = row as { queued: number; running: number; oldest: number }
    return { queued, running, oldestSeconds: Math.max(0, oldest) }
  }
}

async function find(session: Session, id: string): Promise<TaskRecord | undefined> {
  const [row] = await session.query(`SELECT ${taskColumns} FROM framewright.tasks t WHERE t.id = $1`, [id])
  return row && taskOf(row)
}

/**
 * Notes that a task has the key, unless another one has it still. Of requests that come at the same time one notes,
 * and the others wait for it.
 */
async function idempotent(
  session: Session,
  id: string,
  owner: string,
  { key, fingerprint, seconds }: NonNullable<NewTask['idempotency']>,
): Promise<{ readonly task: string; readonly same: boolean } | undefined> {
  const [noted] = await session.query(
    `INSERT INTO framewright.idempotency AS i (owner, key, fingerprint, task, expires_at)
     VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 second')
     ON CONFLICT (owner, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, task = excluded.task, expires_at = excluded.expires_at
       WHERE i.expires_at < clock_timestamp()
     RETURNING task`,
    [owner, key, fingerprint, id, seconds],
  )
  if (noted) return undefined
  const [row] = await session.query(
    'SELECT task, fingerprint FROM framewright.idempotency WHERE owner = $1 AND key = $2',
    [owner, key],
  )
  return { task: row!.task as string, same: row!.fingerprint === fingerprint }
}
