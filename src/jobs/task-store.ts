import { randomUUID } from 'node:crypto'
import { JobsError } from '../errors.ts'
import type { Database, Session } from './database.ts'
import type { CreatedTask, ListTasks, QueueStats } from './jobs.ts'
import type { Storage } from './storage.ts'
import { finalStates, type NewTask, noProgress, type TaskRecord } from './task.ts'
import { announced } from './task-changes.ts'
import { TaskReader } from './task-reader.ts'
import { taskColumns, taskOf } from './task-rows.ts'
import { putWebhooks } from './webhook-queue.ts'

export interface StoreParts {
  readonly database: Database
  readonly storage: Storage
  /** Name of the queue. */
  readonly name: string
}

export const checkpointKey = (id: string) => `checkpoints/${id}.safetensors`

/** As they stand in the JSON of a request. */
const inputKeys = /inputs\/[a-z0-9-]+/g
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Tasks as those see them who create and ask for them. */
export class TaskStore {
  readonly #database: Database
  readonly #reader: TaskReader
  readonly #storage: Storage
  readonly #name: string

  constructor({ database, storage, name }: StoreParts) {
    this.#database = database
    this.#reader = new TaskReader(database)
    this.#storage = storage
    this.#name = name
  }

  async create(task: NewTask): Promise<CreatedTask> {
    return await this.#database.transaction(async session => {
      const { id = randomUUID() } = task
      // Who counts and makes at the same time does one after the other.
      if (task.limits) await session.query('SELECT pg_advisory_xact_lock(7301264813)')
      const before = task.idempotency && (await idempotent(session, id, task.owner, task.idempotency))
      if (before) {
        const there = (await find(session, before.task))!
        return { task: there, outcome: before.same ? 'repeated' : 'conflict' } as const
      }
      const { owner, api, request, about, priority = 0, webhook, limits = {} } = task
      const [created] = await session.query(
        `WITH made AS (
           INSERT INTO framewright.tasks
             (id, queue, model, adapters, owner, api, request, about, priority, webhook, progress, answered)
           SELECT $1, $2, $3, $4::text[], $5, $6, $7, $8, $9, $10, $11, false
           WHERE ($12::int IS NULL OR ${activeOf('$5')} < $12) AND ($13::int IS NULL OR ${queuedIn('$2')} < $13)
           RETURNING *
         )
         SELECT ${taskColumns}, ${announced('t.id', 't.state')} FROM made t`,
        [
          id,
          this.#name,
          request.model,
          [...new Set((request.adapters ?? []).map(({ name }) => name))],
          owner,
          api,
          JSON.stringify(request),
          JSON.stringify(about),
          priority,
          webhook ? JSON.stringify(webhook) : null,
          JSON.stringify(noProgress),
          limits.active ?? null,
          limits.queued ?? null,
        ],
      )
      if (!created) throw await this.#limitReached(session, task)
      return { task: taskOf(created), outcome: 'created' } as const
    })
  }

  async markAnswered(ids: readonly string[]): Promise<void> {
    await this.#database.query('UPDATE framewright.tasks SET answered = true WHERE id = ANY ($1::uuid[])', [
      ids,
    ])
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    return uuid.test(id) ? await this.#reader.get(id.toLowerCase()) : undefined
  }

  async list({ owner, api, states, search, after, limit, order }: ListTasks): Promise<readonly TaskRecord[]> {
    const [compare, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC']
    const rows = await this.#database.query(
      `SELECT ${taskColumns} FROM framewright.tasks t
       WHERE t.owner = $1 AND ($2::text IS NULL OR t.api = $2)
         AND ($3::bigint IS NULL OR t.seq ${compare} $3)
         AND ($5::text[] IS NULL OR t.state = ANY ($5))
         AND ($6::text IS NULL OR strpos(lower(t.request), lower($6)) > 0)
       ORDER BY t.seq ${direction} LIMIT $4`,
      [owner, api ?? null, after ?? null, limit, states ?? null, jsonText(search)],
    )
    return rows.map(taskOf)
  }

  async placeOf(owner: string, id: string): Promise<string | undefined> {
    if (!uuid.test(id)) return undefined
    const [row] = await this.#database.query(
      `SELECT seq::text FROM framewright.tasks WHERE id = $1 AND owner = $2
       UNION ALL SELECT seq::text FROM framewright.removed_tasks WHERE id = $1 AND owner = $2`,
      [id, owner],
    )
    return row?.seq as string | undefined
  }

  async countActive(owner: string, but: readonly string[] = []): Promise<number> {
    const [row] = await this.#database.query(
      `SELECT count(*)::int AS count FROM framewright.tasks
       WHERE owner = $1 AND state IN ('queued', 'running') AND id <> ALL ($2::uuid[])`,
      [owner, but],
    )
    return row!.count as number
  }

  async inputsInUse(): Promise<ReadonlySet<string>> {
    const rows = await this.#database.query(
      "SELECT request FROM framewright.tasks WHERE state IN ('queued', 'running')",
    )
    return new Set(rows.flatMap(({ request }) => String(request).match(inputKeys) ?? []))
  }

  async cancel(id: string): Promise<TaskRecord | undefined> {
    if (!uuid.test(id)) return undefined
    const [row] = await this.#database.query(
      `WITH ended AS (
         UPDATE framewright.tasks SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL
         WHERE id = $1 AND state IN ('queued', 'running') RETURNING *
       ), ${putWebhooks(2)}
       SELECT ${taskColumns}, ${announced('t.id', 't.state')}, (SELECT count(*) FROM heard) FROM ended t`,
      [id, randomUUID()],
    )
    if (!row) return await this.get(id)
    await this.#storage.remove(checkpointKey(id))
    return taskOf(row)
  }

  async remove(id: string): Promise<boolean> {
    const task = await this.get(id)
    if (!task || !finalStates.includes(task.state)) return false
    // Files first: what is left when this is cut short still has a record, and is removed with it later.
    const files = [`outputs/${id}`, `previews/${id}`, checkpointKey(id), ...(await this.#ownInputs(task))]
    for (const key of files) await this.#storage.remove(key)
    const rows = await this.#database.query(
      `WITH removed AS (DELETE FROM framewright.tasks WHERE id = $1 RETURNING id, owner, seq),
         untold AS (DELETE FROM framewright.webhooks w USING removed WHERE w.task = removed.id),
         kept AS (
           INSERT INTO framewright.removed_tasks (id, owner, seq) SELECT id, owner, seq FROM removed
           ON CONFLICT DO NOTHING
         )
       SELECT id, ${announced('id', "'removed'")} FROM removed`,
      [id],
    )
    return rows.length > 0
  }

  /** What a final task was made from, without what one that is not final is made from, too. */
  async #ownInputs({ request }: TaskRecord): Promise<readonly string[]> {
    const keys = JSON.stringify(request).match(inputKeys) ?? []
    if (keys.length === 0) return []
    const used = await this.inputsInUse()
    return keys.filter(key => !used.has(key))
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

  async #limitReached(session: Session, { owner, limits = {} }: NewTask): Promise<JobsError> {
    const [row] = await session.query(`SELECT ${activeOf('$1')}::int AS active`, [owner])
    const ofOwner = limits.active !== undefined && (row!.active as number) >= limits.active
    return new JobsError('jobs/limit', {
      subject: ofOwner ? 'active tasks' : 'queue',
      expected: `fewer than ${ofOwner ? limits.active : limits.queued} tasks`,
      got: 'one more',
      advice: 'Wait until one has ended.',
    })
  }
}

/** A text as it stands inside of a request's JSON. */
function jsonText(search: string | undefined): string | null {
  return search === undefined ? null : JSON.stringify(search).slice(1, -1)
}

/** Numbers of tasks, as expressions. */
const activeOf = (owner: string) =>
  `(SELECT count(*) FROM framewright.tasks WHERE owner = ${owner} AND state IN ('queued', 'running'))`
const queuedIn = (queue: string) =>
  `(SELECT count(*) FROM framewright.tasks WHERE queue = ${queue} AND state = 'queued')`

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
