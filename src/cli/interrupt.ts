const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A signal that aborts when the process is interrupted. The second interrupt ends the process in the way that it
 * would have ended without this.
 */
export function interruptSignal(onInterrupt: () => void): AbortSignal {
  const controller = new AbortController()
  const interrupt = () => {
    for (const signal of signals) process.off(signal, interrupt)
    onInterrupt()
    controller.abort()
  }
  for (const signal of signals) process.on(signal, interrupt)
  return controller.signal
}
