/**
 * Does every job, up to `lanes` at a time, in order. When one fails the others are stopped, and its error is thrown.
 * @throws what the first job that failed threw
 */
export async function onLanes<T>(
  jobs: readonly T[],
  lanes: number,
  signal: AbortSignal,
  work: (job: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const queue = jobs.values()
  let failure: { readonly error: unknown } | undefined
  const lane = async () => {
    for (const job of queue) {
      try {
        await work(job, stop)
      } catch (error) {
        failure ??= { error }
        failed.abort()
        return
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, jobs.length) }, lane))
  if (failure) throw failure.error
}
