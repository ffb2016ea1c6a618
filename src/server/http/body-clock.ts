import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

export interface BodyTimes {
  /** Without a byte. */
  readonly idleMs: number
  /** For the body as a whole, beside what its bytes allow. */
  readonly baseMs: number
  /** What a body has to come at on average, once the base is used up. */
  readonly bytesPerSecond: number
}

export const usualBodyTimes: BodyTimes = { idleMs: 30_000, baseMs: 30_000, bytesPerSecond: 256 * 2 ** 10 }

/**
 * Watches how fast a body comes, from now on.
 * @param onLate called once when it is too slow
 * @returns stops it
 */
export function watchBody(
  incoming: IncomingMessage,
  { idleMs, baseMs, bytesPerSecond }: BodyTimes,
  onLate: (error: HttpError) => void,
): () => void {
  const began = performance.now()
  let last = began
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    last = performance.now()
  }
  const stop = () => {
    clearInterval(timer)
    incoming.off('data', count)
  }
  const look = () => {
    const now = performance.now()
    if (now - last <= idleMs && now - began <= baseMs + (bytes / bytesPerSecond) * 1000) return
    stop()
    onLate(new HttpError(408, 'The body came too slowly.', { code: 'too_slow' }))
  }
  const timer = setInterval(look, Math.min(1000, idleMs / 4, baseMs / 4))
  timer.unref()
  incoming.on('data', count)
  return stop
}
