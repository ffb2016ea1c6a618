import { CancelledError, disposedError } from '../errors.ts'

/** The requests of one engine: each ends with its caller's signal, or with the engine. */
export class RunningRequests {
  readonly #stops = new Set<AbortController>()
  /** What is under way for requests that were aborted. */
  readonly #ends = new Set<Promise<unknown>>()
  #disposed = false

  /**
   * Gives the events that `make` gives.
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
      yield* untilAborted(make(stop.signal), stop.signal, work => this.#outlive(work))
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

  #outlive(work: Promise<unknown>): void {
    const settled = work
      .catch(() => {}) // the caller hears of it, or was let go before
      .finally(() => this.#ends.delete(settled))
    this.#ends.add(settled)
  }
}

/** How long what was aborted may take to end by itself. */
const graceMs = 500

/**
 * Gives what a generator gives, and rejects with the signal's reason within half a second after it has aborted, also
 * where the generator waits for something that cannot be stopped. The generator then ends on its own.
 * @param onAborted told of what is still under way when the signal aborts
 */
export async function* untilAborted<T>(
  generator: AsyncGenerator<T, void, undefined>,
  signal: AbortSignal,
  onAborted: (work: Promise<unknown>) => void,
): AsyncGenerator<T, void, undefined> {
  let late = false
  try {
    for (;;) {
      const next = await beforeGrace(generator.next(), signal, onAborted).catch(error => {
        late = error === tooLate
        throw late ? signal.reason : error
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    const end = generator.return()
    if (late) onAborted(end)
    else await end
  }
}

const tooLate = Symbol('too late')

/** @throws `tooLate` when the work takes longer than the grace after an abort */
async function beforeGrace<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onAborted: (work: Promise<unknown>) => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let begin = () => {}
  const late = new Promise<never>((_, reject) => {
    begin = () => {
      onAborted(work)
      timer = setTimeout(() => reject(tooLate), graceMs)
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
