import type { TaskRecord } from './task.ts'

/** Announces the end of a task. Jobs calls it from its queue, and again with backoff until it is delivered. */
export interface WebhookSender {
  /**
   * @param id the same in every attempt: receivers tell repeats by it
   * @throws when it was not delivered
   */
  send(id: string, task: TaskRecord, signal: AbortSignal): Promise<void>
}
