import { HttpError } from './http-error.ts'

export interface BodyBudgetOptions {
  /** Bytes of large bodies that are held at a time, of all clients together. */
  readonly bytes: number
  /** Those of one owner. */
  readonly bytesOfOwner: number
  /** Bodies up to this size are not counted. */
  readonly freeBytes: number
  /** How long a body waits, unread, for room. */
  readonly waitMs: number
}

interface Waiter {
  readonly owner: string
  readonly bytes: number
  readonly admit: () => void
}

/**
 * One budget for the bodies that a server holds in memory, from before their first byte is read until their request is
 * answered. Who waits is not read from, so that it is held by the client; owners take turns.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions
  readonly #held = new Map<string, number>()
  #waiting: Waiter[] = []
  #bytes = 0

  constructor(options: BodyBudgetOptions) {
    this.#options = options
  }

  /**
   * @returns gives the bytes back
   * @throws HttpError 503 when there is no room in time
   */
  async take(owner: string, bytes: number, signal: AbortSignal): Promise<() => void> {
    if (bytes <= this.#options.freeBytes) return () => {}
    if (this.#waiting.length > 0 || !this.#fits(owner, bytes)) await this.#wait(owner, bytes, signal)
    else this.#hold(owner, bytes)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#hold(owner, -bytes)
      this.#admit()
    }
  }

  async #wait(owner: string, bytes: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        this.#waiting = this.#waiting.filter(each => each !== waiter)
        const message = 'The server holds as many large bodies as it can. Send this one again later.'
        reject(new HttpError(503, message, { code: 'busy', retryAfterSeconds: 5 }))
        this.#admit()
      }
      const timer = setTimeout(leave, this.#options.waitMs)
      signal.addEventListener('abort', leave, { once: true })
      const waiter: Waiter = {
        owner,
        bytes,
        admit: () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', leave)
          this.#hold(owner, bytes)
          resolve()
        },
      }
      this.#waiting.push(waiter)
      this.#admit()
    })
  }

  /** Lets in who fits, those of the owner with the least first; nobody smaller gets past one that waits for the whole. */
  #admit(): void {
    for (;;) {
      const may = this.#waiting.filter(({ owner, bytes }) => this.#fitsOwner(owner, bytes))
      const next = may.sort((a, b) => this.#of(a.owner) - this.#of(b.owner))[0]
      if (!next || !this.#fits(next.owner, next.bytes)) return
      this.#waiting = this.#waiting.filter(each => each !== next)
      next.admit()
    }
  }

  #fits(owner: string, bytes: number): boolean {
    return this.#fitsOwner(owner, bytes) && this.#bytes + bytes <= this.#options.bytes
  }

  #fitsOwner(owner: string, bytes: number): boolean {
    return this.#of(owner) + bytes <= this.#options.bytesOfOwner
  }

  #of(owner: string): number {
    return this.#held.get(owner) ?? 0
  }

  #hold(owner: string, bytes: number): void {
    this.#bytes += bytes
    const now = this.#of(owner) + bytes
    if (now > 0) this.#held.set(owner, now)
    else this.#held.delete(owner)
  }
}
