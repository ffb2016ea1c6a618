import type { Database } from './database.ts'
import type { TaskRecord } from './task.ts'
import { taskColumns, taskOf } from './task-rows.ts'

interface Waiter {
  readonly resolve: (task: TaskRecord | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads tasks by their ids. Whoever asks while a statement is under way waits for the next one, which reads for all of
 * them: hundreds of clients that poll are a few statements, and each sees what was written before it asked.
 */
export class TaskReader {
  readonly #database: Database
  #waiting = new Map<string, Waiter[]>()
  #reading = false

  constructor(database: Database) {
    this.#database = database
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    const task = new Promise<TaskRecord | undefined>((resolve, reject) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), { resolve, reject }])
    })
    if (!this.#reading) void this.#read()
    return await task
  }

  /** Does not throw: who waits is told. */
  async #read(): Promise<void> {
    this.#reading = true
    while (this.#waiting.size > 0) {
      const waiting = this.#waiting
      this.#waiting = new Map()
      try {
        const rows = await this.#database.query(
          `SELECT ${taskColumns} FROM framewright.tasks t WHERE t.id = ANY($1::uuid[])`,
          [[...waiting.keys()]],
        )
        const tasks = new Map(rows.map(row => [row.id, taskOf(row)]))
        for (const [id, waiters] of waiting) for (const { resolve } of waiters) resolve(tasks.get(id))
      } catch (error) {
        for (const { reject } of [...waiting.values()].flat()) reject(error)
      }
    }
    this.#reading = false
  }
}
