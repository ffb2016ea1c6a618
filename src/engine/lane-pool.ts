import { CancelledError, disposedError } from '../errors.ts'
import type { GuidancePair } from './guidance-pair.ts'
import type { Lane } from './lane.ts'

/** What makes one video at a time. */
export type VideoLane = Lane | GuidancePair

interface Waiter {
  readonly take: (lane: VideoLane) => void
  readonly fail: (error: unknown) => void
}

/** Lanes that are lent to one generation at a time, first come first served; each is made when it is first needed. */
export class LanePool implements AsyncDisposable {
  readonly #create: () => VideoLane
  readonly #limit: number
  readonly #all: VideoLane[] = []
  readonly #free: VideoLane[] = []
  readonly #waiters: Waiter[] = []
  #closed = false

  constructor(limit: number, create: () => VideoLane) {
    this.#limit = limit
    this.#create = create
  }

  /** @throws CancelledError when the signal aborts, or the pool is disposed, before a lane is free */
  async acquire(signal: AbortSignal): Promise<VideoLane> {
    if (this.#closed) throw disposedError()
    if (signal.aborted) throw new CancelledError({ cause: signal.reason })
    const lane = this.#free.pop() ?? this.#grow()
    return lane ?? (await this.#wait(signal))
  }

  giveBack(lane: VideoLane): void {
    const next = this.#waiters.shift()
    if (next) next.take(lane)
    else this.#free.push(lane)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiters.splice(0)) waiter.fail(disposedError())
    await Promise.all(this.#all.map(lane => lane[Symbol.asyncDispose]()))
  }

  #grow(): VideoLane | undefined {
    if (this.#all.length >= this.#limit) return undefined
    const lane = this.#create()
    this.#all.push(lane)
    return lane
  }

  async #wait(signal: AbortSignal): Promise<VideoLane> {
    return await new Promise((resolve, reject) => {
      const cancel = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject(new CancelledError({ cause: signal.reason }))
      }
      const settled =
        <T>(end: (result: T) => void) =>
        (result: T) => {
          signal.removeEventListener('abort', cancel)
          end(result)
        }
      const waiter: Waiter = { take: settled(resolve), fail: settled(reject) }
      signal.addEventListener('abort', cancel, { once: true })
      this.#waiters.push(waiter)
    })
  }
}
