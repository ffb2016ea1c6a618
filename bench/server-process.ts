import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'

export interface ServerProcess {
  readonly child: ChildProcess
  readonly url: string
}

/**
 * Starts the compiled `framewright serve` in a process of its own, on a free port of this machine unless the flags name one.
 * @param folder where its tasks and files are kept
 * @param started is given the process before it listens
 */
export async function startServerProcess(
  folder: string,
  flags: readonly string[] = [],
  started: (child: ChildProcess) => void = () => {},
): Promise<ServerProcess> {
  const root = path.dirname(createRequire(import.meta.url).resolve('framewright/package.json'))
  const program = path.join(root, 'dist', 'src', 'cli', 'main.js')
  const port = flags.includes('--port') ? [] : ['--port', '0']
  const usual = [...port, '--device', 'cpu', '--threads', '1', '--log-level', 'error']
  const args = [program, 'serve', '--folder', folder, ...usual, ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] })
  started(child)
  for await (const line of createInterface({ input: child.stderr! })) {
    const [, url] = /^listening on (\S+)$/.exec(line) ?? []
    if (url === undefined) continue
    child.stderr!.resume()
    return { child, url }
  }
  throw new Error('the server ended before it listened')
}
