import { CancelledError, disposedError } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'

/** The requests of one engine: each ends with its caller's signal, or with the engine. */
export class RunningRequests {
  readonly #stops = new Set<AbortController>()
  /** What is under way for requests that were aborted. */
  readonly #ends = new Set<Promise<unknown>>()
  #disposed = false

  /**
   * Gives the events that `make` gives until an abort.
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
      yield* untilAborted(make(stop.signal), stop.signal, this.#outlive)
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

  readonly #outlive = (work: Promise<unknown>): void => {
    const settled = work
      .catch(() => {}) // the caller hears of it, or was let go before
      .finally(() => this.#ends.delete(settled))
    this.#ends.add(settled)
  }
}
