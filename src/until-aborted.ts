/** How long what was aborted may take to end by itself. */
const graceMs = 500

/**
 * Gives events until the signal aborts, and throws its reason within half a second after that, also where they wait for
 * something that cannot be stopped: that ends on its own.
 * @param outlive is given what may still run when the events have ended
 */
export async function* untilAborted<T>(
  events: AsyncGenerator<T, void, undefined>,
  signal: AbortSignal,
  outlive: (work: Promise<unknown>) => void,
): AsyncGenerator<T, void, undefined> {
  let work: Promise<unknown> | undefined
  let giveUp = () => {}
  let timer: NodeJS.Timeout | undefined
  const startGrace = () => {
    if (work === undefined) return // it starts with the next event
    outlive(work)
    timer = setTimeout(() => giveUp(), graceMs)
  }
  let late = false
  signal.addEventListener('abort', startGrace, { once: true })
  try {
    for (;;) {
      // One promise for an event: a race takes several, and every step of a run comes through here.
      const next = await new Promise<IteratorResult<T, void> | undefined>((resolve, reject) => {
        giveUp = () => resolve(undefined)
        const asked = events.next()
        work = asked
        asked.then(resolve, reject)
        if (signal.aborted) startGrace()
      })
      work = undefined
      clearTimeout(timer)
      late = next === undefined
      if (next === undefined) throw signal.reason
      if (next.done) return
      yield next.value
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', startGrace)
    const end = events.return()
    if (late) outlive(end)
    else await end
  }
}
