import type { Jobs, TaskRecord } from '../../jobs/contract.ts'

/** How long after a request a repetition of it is taken for the same: the SDKs wait 60 s, three times. */
const windowMs = 5 * 60_000

/**
 * Clients that got no answer in time send the same request again, with the number of the retry in a header but no
 * idempotency key. Such a repetition gets the task that the first one made, also after a restart of the server.
 */
export class Replays {
  readonly #jobs: Jobs
  readonly #recent = new Map<string, { readonly at: number; readonly task: Promise<TaskRecord> }>()

  constructor(jobs: Jobs) {
    this.#jobs = jobs
  }

  /**
   * @param fingerprint of owner, route and body; tasks have it as `about.fingerprint`
   * @param retry how often the client has sent it before
   */
  async once(
    { owner, fingerprint, retry }: { owner: string; fingerprint: string; retry: number },
    create: () => Promise<TaskRecord>,
  ): Promise<TaskRecord> {
    const now = Date.now()
    for (const [key, { at }] of this.#recent) if (now - at > windowMs) this.#recent.delete(key)
    if (retry > 0) {
      const known = this.#recent.get(fingerprint)
      const before = known
        ? await known.task.catch(() => undefined)
        : await this.#stored(owner, fingerprint, now)
      if (before) return before
    }
    const task = create()
    this.#recent.set(fingerprint, { at: now, task })
    task.catch(() => this.#recent.delete(fingerprint))
    return await task
  }

  async #stored(owner: string, fingerprint: string, now: number): Promise<TaskRecord | undefined> {
    const latest = await this.#jobs.list({ owner, limit: 50, order: 'desc' })
    return latest.find(
      ({ about, createdAt }) => about.fingerprint === fingerprint && now - Date.parse(createdAt) < windowMs,
    )
  }
}
