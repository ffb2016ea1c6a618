import type { Jobs } from '../../jobs/jobs.ts'
import type { TaskRecord } from '../../jobs/task.ts'

/** How long after a request a repetition of it is taken for the same: the SDKs wait 60 s, three times. */
const windowMs = 5 * 60_000
/** Answers that were delivered are noted together. */
const noteMs = 100

/** Whether the answer to a request went out, or its client had gone. */
export type Delivery = Promise<'delivered' | 'lost'>

interface Try {
  readonly at: number
  readonly task: Promise<TaskRecord>
  /** Undefined while its client waits. */
  delivery: 'delivered' | 'lost' | undefined
  /** When the task was there to be answered with. */
  madeAt: number
}

export interface RepeatableRequest {
  readonly owner: string
  /** Of owner, route and body; tasks have it as `about.fingerprint`. */
  readonly fingerprint: string
  /** How often the client has sent it before. */
  readonly retry: number
  /** Absent counts as lost. */
  readonly delivery?: Delivery
}

/**
 * Clients that got no answer in time send the same request again, with the number of the retry in a header but no
 * idempotency key. Such a repetition gets the task whose answer was lost, also after a restart of the server. An answer that
 * went out may have been lost on its way; but when its client was refused something since then, that is what it retries,
 * and it gets a task of its own: the same body may be wanted twice.
 */
export class RetryDeduplicator {
  readonly #jobs: Jobs
  readonly #onError: (error: Error) => void
  readonly #recent = new Map<string, Try[]>()
  /** When each owner was last refused something that clients retry. */
  readonly #refused = new Map<string, number>()
  #answered: string[] = []

  constructor(jobs: Jobs, onError: (error: Error) => void = () => {}) {
    this.#jobs = jobs
    this.#onError = onError
  }

  async once(request: RepeatableRequest, create: () => Promise<TaskRecord>): Promise<TaskRecord> {
    this.#forgetOld()
    const before = request.retry > 0 ? await this.#lost(request) : undefined
    const known: Try = before ?? {
      at: performance.now(),
      task: create(),
      delivery: undefined,
      madeAt: Infinity,
    }
    this.#follow(known, request)
    return await known.task
  }

  /** Notes that an owner was refused something that clients retry. */
  refused(owner: string): void {
    this.#refused.set(owner, performance.now())
  }

  #follow(known: Try, { owner, fingerprint, delivery }: RepeatableRequest): void {
    const tries = this.#recent.get(fingerprint) ?? []
    if (!tries.includes(known)) this.#recent.set(fingerprint, [...tries, known])
    known.delivery = delivery ? undefined : 'lost'
    known.task.then(
      () => {
        known.madeAt = Math.min(known.madeAt, performance.now())
        known.delivery ??= 'delivered'
      },
      () => {
        this.#forget(fingerprint, known)
        this.refused(owner)
      },
    )
    void delivery?.then(async how => {
      known.delivery = how
      const task = await known.task.catch(() => undefined)
      if (task && how === 'delivered') this.#note(task.id)
    })
  }

  async #lost({ owner, fingerprint }: RepeatableRequest): Promise<Try | undefined> {
    const tries = this.#recent.get(fingerprint) ?? []
    const refused = this.#refused.get(owner) ?? -Infinity
    const lost = tries.findLast(({ delivery, madeAt }) => {
      return delivery === 'lost' || (delivery === 'delivered' && madeAt > refused)
    })
    const task = await lost?.task.catch(() => undefined)
    if (lost && task) return await this.#unlessCancelled(lost, task.id)
    const here = await Promise.all(
      tries.map(({ task: each }) =>
        each.then(
          ({ id }) => id,
          () => undefined,
        ),
      ),
    )
    const stored = await this.#stored(owner, fingerprint)
    if (!stored || here.includes(stored.id)) return undefined
    return {
      at: performance.now(),
      task: Promise.resolve(stored),
      delivery: undefined,
      madeAt: performance.now(),
    }
  }

  /** What a client has cancelled by going away it does not want to see again. */
  async #unlessCancelled(lost: Try, id: string): Promise<Try | undefined> {
    return (await this.#jobs.get(id))?.state === 'cancelled' ? undefined : lost
  }

  async #stored(owner: string, fingerprint: string): Promise<TaskRecord | undefined> {
    const latest = await this.#jobs.list({ owner, limit: 50, order: 'desc' })
    return latest.find(
      ({ about, answered, state, createdAt }) =>
        !answered &&
        state !== 'cancelled' &&
        about.fingerprint === fingerprint &&
        Date.now() - Date.parse(createdAt) < windowMs,
    )
  }

  #note(id: string): void {
    this.#answered.push(id)
    if (this.#answered.length > 1) return
    const timer = setTimeout(() => {
      const ids = this.#answered
      this.#answered = []
      this.#jobs.markAnswered(ids).catch(error => this.#onError(error as Error))
    }, noteMs)
    timer.unref()
  }

  #forget(fingerprint: string, known: Try): void {
    const left = (this.#recent.get(fingerprint) ?? []).filter(each => each !== known)
    if (left.length > 0) this.#recent.set(fingerprint, left)
    else this.#recent.delete(fingerprint)
  }

  #forgetOld(): void {
    const now = performance.now()
    for (const [owner, at] of this.#refused) if (now - at > windowMs) this.#refused.delete(owner)
    for (const [fingerprint, tries] of this.#recent) {
      for (const each of tries) if (now - each.at > windowMs) this.#forget(fingerprint, each)
    }
  }
}
