import { randomUUID } from 'node:crypto'
import type { Database } from './database.ts'
import type { TaskFailure, TaskProgress, TaskRecord } from './task.ts'
import { announced } from './task-changes.ts'
import { isReadable, taskColumns, taskOf, waitIsOver } from './task-rows.ts'
import type { RunOutcome, TaskRunner } from './task-runner.ts'
import { putWebhooks } from './webhook-queue.ts'

export interface ClaimOptions {
  readonly database: Database
  /** Name of the queue. */
  readonly name: string
  /** UUID of this process among those that take tasks. */
  readonly worker: string
  readonly leaseSeconds: number
  /** Further attempts after one that failed or was lost. */
  readonly retries: number
  /** Before the first of them, doubled before each further one. */
  readonly retryDelaySeconds: number
}

/** Which run is meant: what it writes counts only while it is the one that has the task. */
export interface Claim {
  readonly id: string
  readonly attempt: number
  /** Its last sign of life, where the run is meant only if that was the last one. */
  readonly lease?: string
}

type Final = Exclude<RunOutcome, { readonly type: 'interrupted' }>

const owned = `id = $1 AND attempt = $2 AND state = 'running'
  AND ($3::text IS NULL OR extract(epoch FROM lease_until)::text = $3)`
const ownedBy = ({ id, attempt, lease }: Claim) => [id, attempt, lease ?? null]

/**
 * Tasks as those see them who work on them: taken, kept by signs of life, and ended or given back once. Each is one
 * statement, which counts only while the run has the task. Which task goes first does not depend on the clock.
 */
export class TaskClaims {
  readonly #options: ClaimOptions
  /** Runs with their last sign of life, and when it was first seen here: by a clock that nobody sets. */
  #seen = new Map<string, { readonly lease: string; readonly at: number }>()

  constructor(options: ClaimOptions) {
    this.#options = options
  }

  /** Takes the task that goes first among those that a runner can do. One that cannot be read fails. */
  async take(runner: Pick<TaskRunner, 'models' | 'adapters'>): Promise<TaskRecord | undefined> {
    const { database, worker, leaseSeconds, name } = this.#options
    const { models, adapters = [] } = runner
    for (;;) {
      const [row] = await database.query(
        `WITH next AS MATERIALIZED (
           SELECT id FROM framewright.tasks t
           WHERE queue = $1 AND state = 'queued' AND model = ANY ($2::text[]) AND adapters <@ $3::text[]
             AND ${waitIsOver('t')}
           ORDER BY priority DESC, seq LIMIT 1 FOR UPDATE SKIP LOCKED
         ), taken AS (
           UPDATE framewright.tasks t
           SET state = 'running', attempt = attempt + 1, worker = $4,
             started_at = coalesce(started_at, clock_timestamp()),
             lease_until = clock_timestamp() + $5 * interval '1 second'
           FROM next WHERE t.id = next.id RETURNING t.*
         )
         SELECT ${taskColumns}, ${announced('t.id', "'running'")} FROM taken t`,
        [name, models, adapters, worker, leaseSeconds],
      )
      if (!row || isReadable(row)) return row && taskOf(row)
      const failure = { code: 'jobs/unreadable', message: 'What was stored of the task cannot be read.' }
      const { id, attempt } = taskOf(row)
      await this.#finish({ id, attempt }, { type: 'failed', failure, retry: false })
    }
  }

  /** A sign of life, with how far the run is. @returns whether it still has the task */
  async keep({ id, attempt }: Claim, progress?: TaskProgress): Promise<boolean> {
    const rows = await this.#options.database.query(
      `WITH kept AS (
         UPDATE framewright.tasks
         SET lease_until = clock_timestamp() + $3 * interval '1 second', progress = coalesce($4, progress)
         WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING id
       )
       SELECT CASE WHEN $4::text IS NULL THEN NULL ELSE ${announced('id', "'running'")} END FROM kept`,
      [id, attempt, this.#options.leaseSeconds, progress ? JSON.stringify(progress) : null],
    )
    return rows.length > 0
  }

  /**
   * Ends a run: its task is final, or waits for another attempt.
   * @returns what became of the task; undefined when the run had it no more
   */
  async end(claim: Claim, outcome: RunOutcome): Promise<'ended' | 'queued' | undefined> {
    if (outcome.type === 'interrupted') return await this.#giveBack(claim)
    if (outcome.type === 'failed' && outcome.retry && (await this.#retry(claim))) return 'queued'
    return await this.#finish(claim, outcome)
  }

  /**
   * Takes tasks from runs whose process is gone: they are tried again, or given up. A process is gone when it has given no
   * sign of life for as long as the lease, as this process measures it: whoever sets a clock takes no task from its run.
   * @param all also from those that have time left: nobody else can be working on them
   */
  async recover(all: boolean): Promise<number> {
    const rows = await this.#options.database.query(
      `SELECT id, attempt, extract(epoch FROM lease_until)::text AS lease FROM framewright.tasks
       WHERE queue = $1 AND state = 'running'`,
      [this.#options.name],
    )
    const running = rows as unknown as readonly Required<Claim>[]
    const lost = running.filter(claim => this.#notice(claim) || all)
    const known = new Set(running.map(keyOf))
    for (const key of this.#seen.keys()) if (!known.has(key)) this.#seen.delete(key)
    let recovered = 0
    for (const claim of lost) {
      const failure: TaskFailure = {
        code: 'jobs/lost',
        message: `The process that worked on the task is gone (attempt ${claim.attempt}).`,
      }
      if (await this.end(claim, { type: 'failed', failure, retry: true })) recovered++
    }
    return recovered
  }

  /** @returns whether the run has given no sign of life for too long */
  #notice(claim: Required<Claim>): boolean {
    const key = keyOf(claim)
    const before = this.#seen.get(key)
    if (before?.lease === claim.lease) {
      return performance.now() - before.at > this.#options.leaseSeconds * 1000
    }
    this.#seen.set(key, { lease: claim.lease, at: performance.now() })
    return false
  }

  /** Gives a task back as if it had not been taken: it keeps its place, and no failure is counted. */
  async #giveBack(claim: Claim): Promise<'queued' | undefined> {
    return await this.#wait(`UPDATE framewright.tasks SET state = 'queued' WHERE ${owned}`, ownedBy(claim))
  }

  async #retry(claim: Claim): Promise<'queued' | undefined> {
    const { retries, retryDelaySeconds } = this.#options
    return await this.#wait(
      `UPDATE framewright.tasks
       SET state = 'queued', failures = failures + 1, wait_from = clock_timestamp(),
         wait_until = clock_timestamp() + $5 * 2 ^ failures * interval '1 second'
       WHERE ${owned} AND failures < $4`,
      [...ownedBy(claim), retries, retryDelaySeconds],
    )
  }

  async #wait(update: string, values: readonly unknown[]): Promise<'queued' | undefined> {
    const rows = await this.#options.database.query(
      `WITH waiting AS (${update} RETURNING id) SELECT ${announced('id', "'queued'")} FROM waiting`,
      values,
    )
    return rows.length > 0 ? 'queued' : undefined
  }

  async #finish(claim: Claim, outcome: Final): Promise<'ended' | undefined> {
    const rows = await this.#options.database.query(
      `WITH ended AS (
         UPDATE framewright.tasks
         SET state = $4, result = $5, failure = $6, finished_at = clock_timestamp(), lease_until = NULL
         WHERE ${owned} RETURNING id, owner, webhook
       ), ${putWebhooks(7)}
       SELECT ${announced('id', '$4')}, (SELECT count(*) FROM heard) FROM ended`,
      [
        ...ownedBy(claim),
        outcome.type,
        outcome.type === 'succeeded' ? JSON.stringify(outcome.result) : null,
        outcome.type === 'failed' ? JSON.stringify(outcome.failure) : null,
        randomUUID(),
      ],
    )
    return rows.length > 0 ? 'ended' : undefined
  }
}

const keyOf = ({ id, attempt }: Claim) => `${id} ${attempt}`
