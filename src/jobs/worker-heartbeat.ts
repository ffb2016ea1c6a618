import { hostname } from 'node:os'
import type { Database } from './database.ts'
import type { TaskRunner } from './task-runner.ts'

export interface HeartbeatOptions {
  /** UUID of the worker. */
  readonly id: string
  readonly queue: string
  readonly runner: TaskRunner
  readonly leaseSeconds: number
  readonly onError: (error: Error) => void
}

/** Says in the database which process takes tasks, of which models and adapters, and that it lives. */
export class WorkerHeartbeat {
  readonly #database: Database
  readonly #id: string
  readonly #timer: NodeJS.Timeout
  #busy: Promise<void> = Promise.resolve()

  private constructor(database: Database, { id, leaseSeconds, onError }: HeartbeatOptions) {
    this.#database = database
    this.#id = id
    const sign = async () => {
      await database.query('UPDATE framewright.workers SET seen_at = clock_timestamp() WHERE id = $1', [id])
    }
    this.#timer = setInterval(
      () => {
        this.#busy = this.#busy.then(sign).catch(error => onError(error as Error))
      },
      (leaseSeconds * 1000) / 3,
    )
    this.#timer.unref()
  }

  static async start(database: Database, options: HeartbeatOptions): Promise<WorkerHeartbeat> {
    const { id, queue, runner } = options
    await database.query(
      `INSERT INTO framewright.workers (id, name, queue, models, adapters, lanes, seen_at)
       VALUES ($1, $2, $3, $4::json, $5::json, $6, clock_timestamp())`,
      [
        id,
        `${hostname()}:${process.pid}`,
        queue,
        JSON.stringify(runner.models),
        JSON.stringify(runner.adapters ?? []),
        runner.lanes,
      ],
    )
    return new WorkerHeartbeat(database, options)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#busy
    await this.#database.query('DELETE FROM framewright.workers WHERE id = $1', [this.#id])
  }
}
