import type { TaskRecord } from './task.ts'
import type { TaskChanges } from './task-changes.ts'
import { Wakeup } from './wakeup.ts'
import type { DueWebhook, WebhookQueue } from './webhook-queue.ts'
import type { WebhookSender } from './webhook-sender.ts'

export interface DeliveryParts {
  readonly queue: WebhookQueue
  readonly changes: TaskChanges
  readonly sender: WebhookSender
  readonly find: (id: string) => Promise<TaskRecord | undefined>
  readonly onError: (error: Error) => void
}

const pollMs = 2000
/** Of one delivery, whatever its sender does. */
const sendMs = 60_000
/** Deliveries at a time, and those of one owner: receivers that hang take no more than their owner's places. */
const atOnce = { all: 24, ofOwner: 6 }

/** Sends the webhooks that wait in the queue, several at once; one that fails is sent again later. */
export class WebhookDelivery {
  readonly #parts: DeliveryParts
  readonly #wakeup = new Wakeup()
  readonly #closed = new AbortController()
  readonly #unsubscribe: () => void
  readonly #loop: Promise<void>
  /** What is being sent, with its owner. */
  readonly #sending = new Map<Promise<void>, string>()

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
    await Promise.all(this.#sending.keys())
  }

  async #deliver(): Promise<void> {
    const { queue, onError } = this.#parts
    while (!this.#closed.signal.aborted) {
      let due: DueWebhook | undefined
      try {
        if (this.#sending.size < atOnce.all) due = await queue.take(this.#busyOwners())
      } catch (error) {
        onError(error as Error)
      }
      if (due) this.#start(due)
      else await this.#wakeup.next(pollMs)
    }
  }

  #busyOwners(): string[] {
    const owners = [...this.#sending.values()]
    return [...new Set(owners)].filter(
      owner => owners.filter(each => each === owner).length >= atOnce.ofOwner,
    )
  }

  #start(webhook: DueWebhook): void {
    const sending = this.#send(webhook)
      .catch(error => this.#parts.onError(error as Error))
      .finally(() => {
        this.#sending.delete(sending)
        this.#wakeup.wake()
      })
    this.#sending.set(sending, webhook.owner)
  }

  async #send({ id, task: taskId }: DueWebhook): Promise<void> {
    const { queue, sender, find } = this.#parts
    const task = await find(taskId)
    // Removed before it was told: there is nothing to say of it any more.
    if (!task) return await queue.sent(id)
    try {
      await sender.send(id, task, AbortSignal.any([this.#closed.signal, AbortSignal.timeout(sendMs)]))
    } catch (error) {
      if (this.#closed.signal.aborted) return await queue.giveBack(id)
      return await queue.failed(id, error as Error)
    }
    await queue.sent(id)
  }
}
