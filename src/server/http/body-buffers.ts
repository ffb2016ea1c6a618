/** Buffers that are kept, and how long after the last body: of two bodies and what is decoded of them. */
const most = 4
const keptMs = 60_000

/**
 * Memory of large bodies, which is used again: for 30 MB of new memory the system takes longer than for everything else that
 * is done with a body, and does so in the event loop.
 */
export class BodyBuffers {
  /** The largest first. */
  #spare: Buffer[] = []
  #timer: NodeJS.Timeout | undefined

  /** @returns at least so many bytes, with whatever they hold */
  take(bytes: number): Buffer {
    const at = this.#spare.findLastIndex(({ length }) => length >= bytes)
    return at < 0 ? Buffer.allocUnsafeSlow(bytes) : this.#spare.splice(at, 1)[0]!
  }

  /** @param buffer nothing of it is used any more */
  giveBack(buffer: Buffer): void {
    this.#spare = [...this.#spare, buffer].sort((a, b) => b.length - a.length).slice(0, most)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#spare = []
    }, keptMs)
    this.#timer.unref()
  }
}
