import { EventEmitter } from 'node:events'
import type { TaskState } from './contract.ts'
import type { Database, Session } from './database.ts'
import { channel } from './schema.ts'

/** Changes of tasks, as every process on the database hears of them. */
export class TaskChanges {
  readonly #emitter = new EventEmitter().setMaxListeners(0)

  private constructor() {}

  static async listen(database: Database): Promise<TaskChanges> {
    const changes = new TaskChanges()
    await database.listen(channel, payload => {
      const [id = '', state = ''] = payload.split(' ')
      changes.#emitter.emit(id, state)
      if (id !== webhooks) changes.#emitter.emit('any', id, state)
    })
    return changes
  }

  /** @returns stops it */
  onTask(id: string, listener: (state: TaskState) => void): () => void {
    this.#emitter.on(id, listener)
    return () => this.#emitter.off(id, listener)
  }

  /** @returns stops it */
  onWebhook(listener: () => void): () => void {
    this.#emitter.on(webhooks, listener)
    return () => this.#emitter.off(webhooks, listener)
  }

  /** @returns stops it */
  onAny(listener: (id: string, state: TaskState) => void): () => void {
    this.#emitter.on('any', listener)
    return () => this.#emitter.off('any', listener)
  }
}

/** In the place of a task's id: there is a webhook to be sent. */
const webhooks = 'webhooks'

/** Says that there is a webhook to be sent; heard when the transaction is done. */
export async function announceWebhook(session: Session): Promise<void> {
  await session.query('SELECT pg_notify($1, $2)', [channel, webhooks])
}

/** Heard when the transaction that it is part of is done. */
export async function announce(session: Session, id: string, state: TaskState): Promise<void> {
  await session.query('SELECT pg_notify($1, $2)', [channel, `${id} ${state}`])
}
