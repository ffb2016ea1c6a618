import type { RunOutcome, TaskFailure, TaskProgress, TaskRecord, TaskRunner } from './contract.ts'
import type { Database, Session } from './database.ts'
import { announce } from './task-changes.ts'
import type { TaskOfModel, TaskQueue } from './task-queue.ts'
import { taskColumns, taskOf } from './task-rows.ts'

export interface ClaimOptions {
  readonly database: Database
  readonly queue: TaskQueue
  /** Name of the queue. */
  readonly name: string
  /** UUID of this process among those that take tasks. */
  readonly worker: string
  readonly leaseSeconds: number
}

/** Which run is meant: what it writes counts only while it is the one that has the task. */
export interface Claim extends TaskOfModel {
  readonly attempt: number
}

/** A run that has its task no more: whatever the transaction did is undone. */
class LostClaim extends Error {}

/** Tasks as those see them who work on them: taken, kept by signs of life, and ended or given back once. */
export class TaskClaims {
  readonly #options: ClaimOptions

  constructor(options: ClaimOptions) {
    this.#options = options
  }

  /** Takes the task that goes first among those that a runner can do. */
  async take({
    models,
    adapters = [],
  }: Pick<TaskRunner, 'models' | 'adapters'>): Promise<TaskRecord | undefined> {
    const { database, queue, name } = this.#options
    const waiting = await database.query(
      `SELECT model FROM framewright.tasks
       WHERE queue = $1 AND state = 'queued' AND request->>'model' = ANY($2::text[]) AND NOT EXISTS (
         SELECT 1 FROM json_array_elements(coalesce(request->'adapters', '[]')) adapter
         WHERE adapter->>'name' <> ALL ($3::text[])
       )
       GROUP BY model ORDER BY max(priority) DESC, min(seq)`,
      [name, models, adapters],
    )
    for (const { model } of waiting as readonly { model: string }[]) {
      await queue.prepare(model)
      const task = await database.transaction(session => this.#takeOf(session, model))
      if (task) return task
    }
    return undefined
  }

  /** A sign of life, with how far the run is. @returns whether it still has the task */
  async keep({ id, attempt }: Claim, progress?: TaskProgress): Promise<boolean> {
    const rows = await this.#options.database.query(
      `WITH kept AS (
         UPDATE framewright.tasks
         SET lease_until = clock_timestamp() + $3 * interval '1 second', progress = coalesce($4::json, progress)
         WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING id
       )
       SELECT CASE WHEN $4::json IS NULL THEN NULL ELSE pg_notify('framewright_tasks', id || ' running') END
       FROM kept`,
      [id, attempt, this.#options.leaseSeconds, progress ? JSON.stringify(progress) : null],
    )
    return rows.length > 0
  }

  /**
   * Ends a run: its task is final, or waits for another attempt. All of it is one transaction.
   * @returns what became of the task; undefined when the run had it no more
   */
  async end(claim: Claim, outcome: RunOutcome): Promise<'ended' | 'queued' | undefined> {
    return await this.#unlessLost(session => this.#end(session, claim, outcome))
  }

  /**
   * Takes tasks from runs whose process is gone: they are tried again, or given up.
   * @param all also from those that have time left: nobody else can be working on them
   */
  async recover(all: boolean): Promise<number> {
    const rows = await this.#options.database.query(
      `SELECT id, model, attempt FROM framewright.tasks
       WHERE queue = $1 AND state = 'running' AND ($2 OR lease_until < clock_timestamp())`,
      [this.#options.name, all],
    )
    let recovered = 0
    for (const claim of rows as unknown as readonly Claim[]) {
      const failure: TaskFailure = {
        code: 'jobs/lost',
        message: `The process that worked on the task is gone (attempt ${claim.attempt}).`,
      }
      const became = await this.#unlessLost(async session => {
        const ended = await this.#end(session, claim, { type: 'failed', failure, retry: true })
        const late = await session.query(
          'SELECT 1 FROM framewright.tasks WHERE id = $1 AND ($2 OR lease_until < clock_timestamp())',
          [claim.id, all],
        )
        if (late.length === 0) throw new LostClaim()
        return ended
      })
      if (became) recovered++
    }
    return recovered
  }

  /** Puts tasks that wait into the queue again, should it have lost them. */
  async requeue(): Promise<number> {
    const { database, queue, name } = this.#options
    const rows = await database.query(
      `SELECT id, model, priority FROM framewright.tasks t WHERE queue = $1 AND state = 'queued' AND NOT EXISTS (
         SELECT 1 FROM framewright_queue.job j WHERE j.id = t.id AND j.state IN ('created', 'retry', 'active')
       )`,
      [name],
    )
    for (const task of rows as unknown as readonly (TaskOfModel & { priority: number })[]) {
      await queue.prepare(task.model)
      await database.transaction(async session => {
        await queue.forget(session, task)
        const still = await session.query(
          "SELECT 1 FROM framewright.tasks WHERE id = $1 AND state = 'queued' FOR UPDATE",
          [task.id],
        )
        if (still.length > 0) await queue.put(session, task)
      })
    }
    return rows.length
  }

  async #takeOf(session: Session, model: string): Promise<TaskRecord | undefined> {
    const { queue, worker, leaseSeconds } = this.#options
    const id = await queue.take(session, model)
    if (id === undefined) return undefined
    const [taken] = await session.query(
      `UPDATE framewright.tasks t
       SET state = 'running', attempt = attempt + 1, worker = $2, started_at = coalesce(started_at, clock_timestamp()),
         lease_until = clock_timestamp() + $3 * interval '1 second'
       WHERE t.id = $1 AND t.state IN ('queued', 'running') RETURNING ${taskColumns}`,
      [id, worker, leaseSeconds],
    )
    if (!taken) {
      // A job without a task that could run: it is dropped, and the next one taken.
      await queue.end(session, { id, model }, 'complete')
      return await this.#takeOf(session, model)
    }
    await announce(session, id, 'running')
    return taskOf(taken)
  }

  async #end(session: Session, claim: Claim, outcome: RunOutcome): Promise<'ended' | 'queued'> {
    const { queue } = this.#options
    if (outcome.type === 'interrupted') {
      await queue.giveBack(session, claim)
      await this.#wait(session, claim)
      return 'queued'
    }
    if (outcome.type === 'failed' && outcome.retry && (await queue.fail(session, claim, outcome.failure))) {
      await this.#wait(session, claim)
      return 'queued'
    }
    await queue.end(session, claim, 'complete')
    const state = outcome.type
    const [row] = await session.query(
      `UPDATE framewright.tasks
       SET state = $3, result = $4::json, failure = $5::json, finished_at = clock_timestamp()
       WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING webhook, progress`,
      [
        claim.id,
        claim.attempt,
        state,
        outcome.type === 'succeeded' ? JSON.stringify(outcome.result) : null,
        outcome.type === 'failed' ? JSON.stringify(outcome.failure) : null,
      ],
    )
    if (!row) throw new LostClaim()
    if (state === 'succeeded') {
      const progress = { ...(row.progress as TaskProgress), fraction: 1, stage: 'done', secondsLeft: 0 }
      await session.query('UPDATE framewright.tasks SET progress = $2::json WHERE id = $1', [
        claim.id,
        JSON.stringify(progress),
      ])
    }
    if (row.webhook != null) await queue.putWebhook(session, claim.id)
    await announce(session, claim.id, state)
    return 'ended'
  }

  async #wait(session: Session, { id, attempt }: Claim): Promise<void> {
    const rows = await session.query(
      `UPDATE framewright.tasks SET state = 'queued'
       WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING id`,
      [id, attempt],
    )
    if (rows.length === 0) throw new LostClaim()
    await announce(session, id, 'queued')
  }

  async #unlessLost<T>(work: (session: Session) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#options.database.transaction(work)
    } catch (error) {
      if (error instanceof LostClaim) return undefined
      throw error
    }
  }
}
