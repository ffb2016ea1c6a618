import { EventEmitter } from 'node:events'
import type { Database } from './database.ts'
import { channel } from './schema.ts'
import type { TaskState } from './task.ts'

/** What a task has become; `removed` when its record is gone. */
export type AnnouncedState = TaskState | 'removed'

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
  onTask(id: string, listener: (state: AnnouncedState) => void): () => void {
    this.#emitter.on(id, listener)
    return () => this.#emitter.off(id, listener)
  }

  /** @returns stops it */
  onWebhook(listener: () => void): () => void {
    this.#emitter.on(webhooks, listener)
    return () => this.#emitter.off(webhooks, listener)
  }

  /** @returns stops it */
  onAny(listener: (id: string, state: AnnouncedState) => void): () => void {
    this.#emitter.on('any', listener)
    return () => this.#emitter.off('any', listener)
  }
}

/** In the place of a task's id: there is a webhook to be sent. */
const webhooks = 'webhooks'

/** Says in a statement that there is a webhook to be sent; heard when its transaction is done. */
export const announcedWebhook = `pg_notify('${channel}', '${webhooks}')`

/**
 * Says in a statement what a task has become; heard when its transaction is done.
 * @param id expression of its id
 * @param state expression of its state
 */
export const announced = (id: string, state: string) => `pg_notify('${channel}', ${id} || ' ' || ${state})`
