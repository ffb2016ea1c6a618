import { randomUUID } from 'node:crypto'
import type { Jobs } from '../../jobs/jobs.ts'
import { HttpError } from '../http/http-error.ts'
import type { Owner } from '../http/owner.ts'

interface OwnerRequests {
  /** Ids of the tasks that are being prepared. */
  readonly ids: Set<string>
  /** The check before: they follow each other, so that each sees what the one before has let in. */
  last: Promise<unknown>
}

/**
 * Requests whose tasks are being prepared count as active: their files are fetched before there is a task to count. That the
 * limits hold in the end is the store's business.
 */
export class Admission {
  readonly #jobs: Jobs
  readonly #owners = new Map<string, OwnerRequests>()

  constructor(jobs: Jobs) {
    this.#jobs = jobs
  }

  /**
   * @param known whether the task may be there already, and need no room: then only what is being prepared counts
   * @param work given the id that the task has to get
   * @throws HttpError 429
   */
  async run<T>(owner: Owner, known: boolean, work: (id: string) => Promise<T>): Promise<T> {
    const of = this.#owners.get(owner.id) ?? { ids: new Set(), last: Promise.resolve() }
    this.#owners.set(owner.id, of)
    const id = randomUUID()
    try {
      const checked = of.last.then(async () => {
        await this.#check(owner, known, of.ids)
        of.ids.add(id)
      })
      of.last = checked.catch(() => {})
      await checked
      return await work(id)
    } finally {
      of.ids.delete(id)
      if (of.ids.size === 0 && this.#owners.get(owner.id) === of) {
        const { last } = of
        void last.then(() => {
          if (of.ids.size === 0 && of.last === last) this.#owners.delete(owner.id)
        })
      }
    }
  }

  async #check(
    { id, limits: { activeTasks } }: Owner,
    known: boolean,
    ids: ReadonlySet<string>,
  ): Promise<void> {
    if (activeTasks === undefined) return
    const active = known ? 0 : await this.#jobs.countActive(id, [...ids])
    if (active + ids.size >= activeTasks) throw tooManyActive(activeTasks)
  }
}

export function tooManyActive(most: number | undefined): HttpError {
  return tooMany(`This key may have ${most} tasks queued or running at a time.`)
}

export function tooMany(message: string): HttpError {
  return new HttpError(429, message, { code: 'too_many_tasks', retryAfterSeconds: 10 })
}
