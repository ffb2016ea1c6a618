import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { FramewrightError } from '../../errors.ts'
import type { JsonObject, TaskRecord } from '../../jobs/task.ts'
import { AddressError, checkUrl } from '../assets/vetted-request.ts'
import { HttpError, invalidField } from '../http/http-error.ts'
import type { RouteRequest } from '../http/route.ts'
import type { Services } from '../services.ts'
import { tooMany, tooManyActive } from './admission.ts'
import type { PlannedTask } from './plan-task.ts'

export interface TaskToCreate {
  readonly from: Pick<RouteRequest, 'owner' | 'address' | 'incoming' | 'delivery'>
  readonly api: string
  /** Route and body: equal for requests that are equal. */
  readonly identity: unknown
  /** @default 0 */
  readonly priority?: number
  readonly webhook: { readonly url: string | undefined; readonly field: string }
  /** Makes the request: files are taken in here, once for all repetitions. */
  readonly prepare: () => Promise<{ planned: PlannedTask; about: JsonObject }>
}

const idempotencySeconds = 24 * 3600

/**
 * Puts a task into the queue. With an `Idempotency-Key`, or as the retry of an SDK, the task that the same request
 * made before is the answer.
 * @throws HttpError 429 when the client, or the server, has too much to do; 409 for a key of another request
 */
export async function createTask(services: Services, wanted: TaskToCreate): Promise<TaskRecord> {
  const { owner, incoming, delivery } = wanted.from
  const fingerprint = fingerprintOf([owner.id, wanted.api, wanted.identity])
  const key = idempotencyKey(incoming.headers)
  const retry = Number(incoming.headers['x-stainless-retry-count'] ?? 0) || 0
  const create = async () => {
    checkWebhook(services, wanted.webhook)
    return await services.admission.run(owner, key !== undefined, id =>
      put(services, wanted, { id, fingerprint, key }),
    )
  }
  return await services.retries.once({ owner: owner.id, fingerprint, retry, delivery }, create)
}

interface Identity {
  readonly id: string
  readonly fingerprint: string
  readonly key: string | undefined
}

async function put(services: Services, wanted: TaskToCreate, { id, fingerprint, key }: Identity) {
  const { jobs, settings, metrics } = services
  const { owner } = wanted.from
  const { activeTasks } = owner.limits
  // Nothing is fetched for a queue that is full.
  if ((await jobs.stats()).queued >= settings.maxQueued) throw queueIsFull()
  const { planned, about } = await wanted.prepare()
  const { request, notices } = planned
  try {
    const { task, outcome } = await jobs.create({
      id,
      owner: owner.id,
      api: wanted.api,
      request,
      about: {
        ...about,
        fingerprint,
        ...(notices.length > 0 && { notices: notices.map(notice => ({ ...notice })) }),
        // For webhooks, which answer no request.
        ...(settings.publicUrl === undefined && { address: wanted.from.address }),
      },
      ...(wanted.priority !== undefined && { priority: wanted.priority }),
      limits: { queued: settings.maxQueued, ...(activeTasks !== undefined && { active: activeTasks }) },
      ...(key !== undefined && { idempotency: { key, fingerprint, seconds: idempotencySeconds } }),
      ...(wanted.webhook.url !== undefined && { webhook: { url: wanted.webhook.url } }),
    })
    if (outcome === 'conflict') {
      throw new HttpError(409, 'The idempotency key was used for another request.', { code: 'conflict' })
    }
    if (outcome === 'created') metrics.created(wanted.api)
    return task
  } catch (error) {
    if (!FramewrightError.is(error) || error.code !== 'jobs/limit') throw error
    throw error.expectation?.subject === 'queue' ? queueIsFull() : tooManyActive(activeTasks)
  }
}

const queueIsFull = () => tooMany('The queue is full.')

const longestKey = 256

/** @throws HttpError 400 for a key that is too long to be told from others */
function idempotencyKey({ 'idempotency-key': key }: IncomingHttpHeaders): string | undefined {
  if (typeof key !== 'string' || key.length <= longestKey) return key as string | undefined
  throw new HttpError(400, `Idempotency-Key: expected at most ${longestKey} characters.`, {
    code: 'invalid_request',
  })
}

/** SHA-256 of a value as its JSON, which is not put together: a body may be large. */
function fingerprintOf(value: unknown): string {
  const hash = createHash('sha256')
  const add = (each: unknown) => {
    if (typeof each !== 'object' || each === null) {
      hash.update(`${typeof each} `)
      hash.update(typeof each === 'string' ? each : String(each))
    } else {
      hash.update(Array.isArray(each) ? '[' : '{')
      for (const [name, inner] of Object.entries(each)) {
        hash.update(`${name.length} ${name}`)
        add(inner)
      }
      hash.update(']')
    }
    hash.update('\0')
  }
  add(value)
  return hash.digest('hex')
}

function checkWebhook({ settings }: Services, { url, field }: TaskToCreate['webhook']): void {
  if (url === undefined) return
  try {
    checkUrl(url, settings.addresses)
  } catch (error) {
    if (error instanceof AddressError) throw invalidField([field], error.message)
    throw error
  }
}
