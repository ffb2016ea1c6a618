import { CancelledError, disposedError } from '../errors.ts'

/** How long what was aborted may take to end by itself. */
const graceMs = 500

/** The requests of one engine: each ends with its caller's signal, or with the engine. */
export class RunningRequests {
  readonly #stops = new Set<AbortController>()
  /** What is under way for requests that were aborted. */
  readonly #ends = new Set<Promise<unknown>>()
  #disposed = false

  /**
   * Gives the events that `make` gives, and rejects within half a second after an abort, also where they wait for
   * something that cannot be stopped: that ends on its own.
   * @param make gets the signal that ends the request; its reason is the error to end it with
   * @throws CancelledError after the caller's signal has aborted, or the engine was disposed
   */
  async *run<T>(
    callers: AbortSignal | undefined,
    make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    if (this.#disposed) throw disposedError()
    const stop = new AbortController()
    const cancel = () => stop.abort(new CancelledError({ cause: callers?.reason }))
    if (callers?.aborted) cancel()
    callers?.addEventListener('abort', cancel, { once: true })
    this.#stops.add(stop)
    try {
      yield* this.#untilAborted(make(stop.signal), stop.signal)
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error
    } finally {
      callers?.removeEventListener('abort', cancel)
      this.#stops.delete(stop)
    }
  }

  /** Waits for what still runs of requests that have ended. */
  async settled(): Promise<void> {
    while (this.#ends.size > 0) await Promise.all(this.#ends)
  }

  /** Ends every request, now and later, and waits for what runs of them. */
  async dispose(): Promise<void> {
    this.#disposed = true
    for (const stop of this.#stops) stop.abort(disposedError())
    await this.settled()
  }

  async *#untilAborted<T>(
    events: AsyncGenerator<T, void, undefined>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    let late = false
    try {
      for (;;) {
        const next = await this.#withinGrace(events.next(), signal)
        late = next === undefined
        if (next === undefined) throw signal.reason
        if (next.done) return
        yield next.value
      }
    } finally {
      const end = events.return()
      if (late) this.#outlive(end)
      else await end
    }
  }

  /** @returns undefined when the work takes longer than the grace after an abort */
  async #withinGrace<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined
    let begin = () => {}
    const late = new Promise<undefined>(resolve => {
      begin = () => {
        this.#outlive(work)
        timer = setTimeout(resolve, graceMs, undefined)
      }
    })
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', begin)
    }
  }

  #outlive(work: Promise<unknown>): void {
    const settled = work
      .catch(() => {}) // the caller hears of it, or was let go before
      .finally(() => this.#ends.delete(settled))
    this.#ends.add(settled)
  }
}
