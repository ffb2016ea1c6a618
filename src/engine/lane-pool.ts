import { CancelledError } from '../errors.ts'
import type { GuidancePair } from './guidance-pair.ts'
import type { Lane } from './lane.ts'

/** What makes one video at a time. */
export type VideoLane = Lane | GuidancePair

/** Lanes that are lent to one generation at a time, first come first served; each is made when it is first needed. */
export class LanePool implements AsyncDisposable {
  readonly #create: () => VideoLane
  readonly #limit: number
  readonly #all: VideoLane[] = []
  readonly #free: VideoLane[] = []
  /** Those who wait: each takes a lane that comes back. */
  readonly #waiting: ((lane: VideoLane) => void)[] = []

  constructor(limit: number, create: () => VideoLane) {
    this.#limit = limit
    this.#create = create
  }

  /** @throws CancelledError when the signal aborts before a lane is free */
  async acquire(signal: AbortSignal): Promise<VideoLane> {
    if (signal.aborted) throw new CancelledError({ cause: signal.reason })
    return this.#free.pop() ?? this.#grow() ?? (await this.#wait(signal))
  }

  giveBack(lane: VideoLane): void {
    const take = this.#waiting.shift()
    if (take) take(lane)
    else this.#free.push(lane)
  }

  /** Frees all lanes. Whoever waits for one, or would, has to be aborted before. */
  async [Symbol.asyncDispose](): Promise<void> {
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
      const take = (lane: VideoLane) => {
        signal.removeEventListener('abort', cancel)
        resolve(lane)
      }
      const cancel = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(new CancelledError({ cause: signal.reason }))
      }
      signal.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(take)
    })
  }
}
