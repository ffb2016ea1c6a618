/** Variables that npm, pnpm, yarn and bun set for the programs that they start. */
const variables = ['npm_command', 'npm_lifecycle_event', 'npm_config_user_agent', 'npm_execpath']

const intervalMs = 250

/**
 * Package managers start a program through a shell. A signal such as SIGTERM ends them and the shell, and reaches no
 * further: all that the program can notice is that its parent has ended. Programs that are started without one may
 * outlive their parent, as with nohup.
 * @param onEnd called once, when the program was started by a package manager and its parent has ended
 */
export function watchStarter(onEnd: () => void): Disposable {
  const parent = process.ppid
  // Of a program that was sent into the background the parent has ended before.
  const watched = parent > 1 && variables.some(name => process.env[name] !== undefined)
  const timer = setInterval(() => {
    if (!watched || process.ppid !== parent) clearInterval(timer)
    if (watched && process.ppid !== parent) onEnd()
  }, intervalMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
