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
  let late = false
  try {
    for (;;) {
      const next = await withinGrace(events.next(), signal, outlive)
      late = next === undefined
      if (next === undefined) throw signal.reason
      if (next.done) return
      yield next.value
    }
  } finally {
    const end = events.return()
    if (late) outlive(end)
    else await end
  }
}

/** @returns undefined when the work takes longer than the grace after an abort */
async function withinGrace<T>(
  work: Promise<T>,
  signal: AbortSignal,
  outlive: (work: Promise<unknown>) => void,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  let begin = () => {}
  const late = new Promise<undefined>(resolve => {
    begin = () => {
      outlive(work)
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
