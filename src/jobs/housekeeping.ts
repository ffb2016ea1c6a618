import type { Database } from './database.ts'
import type { TaskClaims } from './task-claims.ts'
import type { TaskStore } from './task-store.ts'

export interface HousekeepingParts {
  readonly database: Database
  readonly claims: TaskClaims
  readonly store: TaskStore
  readonly leaseSeconds: number
  readonly retentionDays: number
  readonly onError: (error: Error) => void
}

const hourMs = 3_600_000

/** What has to be done from time to time, by whichever processes are there. */
export class Housekeeping {
  readonly #parts: HousekeepingParts
  readonly #timers: readonly NodeJS.Timeout[]
  #busy: Promise<void> = Promise.resolve()
  #closed = false

  constructor(parts: HousekeepingParts) {
    this.#parts = parts
    const every = (ms: number, work: () => Promise<unknown>) => {
      const timer = setInterval(() => this.#do(work), ms)
      timer.unref()
      return timer
    }
    this.#do(() => this.#removeOld())
    this.#timers = [
      every((parts.leaseSeconds * 1000) / 3, () => parts.claims.recover(false)),
      every(hourMs, () => this.#removeOld()),
    ]
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#busy
  }

  #do(work: () => Promise<unknown>): void {
    this.#busy = this.#busy
      .then(async () => {
        if (!this.#closed) await work()
      })
      .catch(error => this.#parts.onError(error as Error))
  }

  async #removeOld(): Promise<void> {
    const { database, store, retentionDays } = this.#parts
    await database.query('DELETE FROM framewright.idempotency WHERE expires_at < clock_timestamp()')
    await database.query(
      "DELETE FROM framewright.removed_tasks WHERE removed_at < clock_timestamp() - $1 * interval '1 day'",
      [retentionDays],
    )
    await database.query("DELETE FROM framewright.workers WHERE seen_at < now() - interval '1 day'")
    for (;;) {
      const rows = await database.query(
        `SELECT id FROM framewright.tasks WHERE finished_at < clock_timestamp() - $1 * interval '1 day'
         ORDER BY finished_at LIMIT 100`,
        [retentionDays],
      )
      if (rows.length === 0 || this.#closed) return
      for (const { id } of rows) await store.remove(id as string)
    }
  }
}
