import { CancelledError } from '../errors.ts'

/** @throws CancelledError when the signal has aborted */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new CancelledError({ cause: signal.reason })
}
