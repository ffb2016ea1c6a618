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
  // On its standard input: ONNX Runtime does not bear a long command line.
  const running = run(process.execPath, ['--input-type=module', '-'], { cwd: root })
  running.child.stdin!.end(source)
  const { stdout } = await running
  return JSON.parse(stdout) as T
}
