import { packageVersion } from '../../engine/package-info.ts'
import type { TaskRecord } from '../../jobs/task.ts'
import type { WebhookSender } from '../../jobs/webhook-sender.ts'
import { type AddressPolicy, vettedRequest } from '../assets/vetted-request.ts'
import { webhookHeaders, webhookSecret } from './webhook-signature.ts'

export interface WebhookOptions {
  /** The server's. */
  readonly secret: Buffer
  readonly addresses: AddressPolicy
  /** The event, in the terms of the interface that the task came through. */
  readonly payload: (task: TaskRecord) => object
}

/** A receiver that takes longer is as good as none. */
const deliverySeconds = 15

/** Announces ends of tasks by signed POST requests. Anything but a 2xx answer is a failure: redirects, too. */
export function createWebhookSender({ secret, addresses, payload }: WebhookOptions): WebhookSender {
  return {
    async send(id, task, signal) {
      if (!task.webhook) return
      const body = JSON.stringify(payload(task))
      const response = await vettedRequest(task.webhook.url, addresses, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': `Framewright/${packageVersion()}`,
          ...webhookHeaders(webhookSecret(secret, task.owner), { id, body, at: new Date() }),
        },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(deliverySeconds * 1000)]),
      })
      response.destroy()
      const { statusCode = 0 } = response
      if (statusCode < 200 || statusCode > 299) throw new Error(`The receiver answered ${statusCode}.`)
    },
  }
}
