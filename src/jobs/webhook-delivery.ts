import type { TaskRecord, WebhookSender } from './contract.ts'
import type { TaskChanges } from './task-changes.ts'
import type { TaskQueue } from './task-queue.ts'
import { Wakeup } from './wakeup.ts'

export interface DeliveryParts {
  readonly queue: TaskQueue
  readonly changes: TaskChanges
  readonly sender: WebhookSender
  readonly find: (id: string) => Promise<TaskRecord | undefined>
  readonly onError: (error: Error) => void
}

const pollMs = 2000
/** Before pg-boss takes the job for lost. */
const sendMs = 60_000

/** Sends the webhooks that wait in the queue, one after the other; one that fails is sent again later. */
export class WebhookDelivery {
  readonly #parts: DeliveryParts
  readonly #wakeup = new Wakeup()
  readonly #closed = new AbortController()
  readonly #unsubscribe: () => void
  readonly #loop: Promise<void>

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    this.#unsubscribe = parts.changes.onWebhook(() => this.#wakeup.wake())
    this.#loop = this.#deliver()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#wakeup.wake()
    this.#unsubscribe()
    await this.#loop
  }

  async #deliver(): Promise<void> {
    const { queue, onError } = this.#parts
    while (!this.#closed.signal.aborted) {
      try {
        const job = await queue.takeWebhook()
        if (job) await this.#send(job)
        else await this.#wakeup.next(pollMs)
      } catch (error) {
        onError(error as Error)
        await this.#wakeup.next(pollMs)
      }
    }
  }

  async #send({ id, task: taskId }: { readonly id: string; readonly task: string }): Promise<void> {
    const { queue, sender, find } = this.#parts
    const task = await find(taskId)
    // Removed before it was told: there is nothing to say of it any more.
    if (!task) return await queue.endWebhook(id)
    try {
      await sender.send(id, task, AbortSignal.any([this.#closed.signal, AbortSignal.timeout(sendMs)]))
    } catch (error) {
      return await queue.endWebhook(id, error as Error)
    }
    await queue.endWebhook(id)
  }
}
