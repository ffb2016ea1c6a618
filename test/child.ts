import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Runs a module's text in a process of its own against the compiled package, and gives what it prints as JSON.
 * For what belongs to a process: memory, the event loop.
 */
export async function runInChild<T>(source: string): Promise<T> {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source], { cwd: root })
  return JSON.parse(stdout) as T
}
