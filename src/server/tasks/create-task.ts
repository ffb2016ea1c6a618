import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { JsonObject, TaskRecord, TaskRequest } from '../../jobs/contract.ts'
import { AddressError, checkUrl } from '../assets/vetted-request.ts'
import { HttpError, invalidField } from '../http/http-error.ts'
import type { Owner, Services } from '../services.ts'

export interface TaskToCreate {
  readonly owner: Owner
  readonly api: string
  readonly headers: IncomingHttpHeaders
  /** Route and body: equal for requests that are equal. */
  readonly identity: unknown
  readonly webhookUrl: string | undefined
  /** Makes the request: files are taken in here, once for all repetitions. */
  readonly prepare: () => Promise<{ request: TaskRequest; about: JsonObject }>
}

const idempotencySeconds = 24 * 3600

/**
 * Puts a task into the queue. With an `Idempotency-Key`, or as the retry of an SDK, the task that the same request
 * made before is the answer.
 * @throws HttpError 429 when the client, or the server, has too much to do; 409 for a key of another request
 */
export async function createTask(services: Services, wanted: TaskToCreate): Promise<TaskRecord> {
  const { owner, headers } = wanted
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([owner.id, wanted.api, wanted.identity]))
    .digest('hex')
  const key = headers['idempotency-key']
  const retry = Number(headers['x-stainless-retry-count'] ?? 0) || 0
  const create = async () => {
    await checkLimits(services, owner)
    checkWebhook(services, wanted.webhookUrl)
    const { request, about } = await wanted.prepare()
    const { task, outcome } = await services.jobs.create({
      owner: owner.id,
      api: wanted.api,
      request,
      about: { ...about, fingerprint },
      ...(typeof key === 'string' && {
        idempotency: { key: key.slice(0, 256), fingerprint, seconds: idempotencySeconds },
      }),
      ...(wanted.webhookUrl !== undefined && { webhook: { url: wanted.webhookUrl } }),
    })
    if (outcome === 'conflict') {
      throw new HttpError(409, 'The idempotency key was used for another request.', { code: 'conflict' })
    }
    if (outcome === 'created') services.metrics.created(wanted.api)
    return task
  }
  return await services.replays.once({ owner: owner.id, fingerprint, retry }, create)
}

async function checkLimits({ jobs, settings }: Services, { id, limits }: Owner): Promise<void> {
  const { activeTasks } = limits
  if (activeTasks !== undefined && (await jobs.countActive(id)) >= activeTasks) {
    throw tooMany(`This key may have ${activeTasks} tasks queued or running at a time.`)
  }
  if ((await jobs.stats()).queued >= settings.maxQueued) throw tooMany('The queue is full.')
}

function tooMany(message: string): HttpError {
  return new HttpError(429, message, { code: 'too_many_tasks', retryAfterSeconds: 10 })
}

function checkWebhook({ settings }: Services, url: string | undefined): void {
  if (url === undefined) return
  try {
    checkUrl(url, settings.addresses)
  } catch (error) {
    if (error instanceof AddressError) throw invalidField(['webhookUrl'], error.message)
    throw error
  }
}
