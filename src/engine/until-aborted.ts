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
