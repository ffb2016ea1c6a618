import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { messageOf } from '../../src/errors.ts'
import type { Outcome, Task } from './tasks.ts'

export interface ProgramOptions {
  readonly python: string
  readonly variables: Readonly<Record<string, string>>
  /** Ends the program, and what it started. */
  readonly signal?: AbortSignal
}

/** Runs a task's program; ends it, and what it started, when its time is over or a signal says so. */
export async function runProgram(
  task: Task,
  limitSeconds: number,
  { python, variables, signal }: ProgramOptions,
): Promise<Outcome> {
  const started = performance.now()
  const env = { ...process.env, ...variables, ...task.variables }
  const program = task.program === 'node' ? process.execPath : python
  const child = spawn(program, task.words, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const texts = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.error = (texts.error + text).slice(-16_000)
  })
  let late = false
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  const timer = setTimeout(() => {
    late = true
    end()
  }, limitSeconds * 1000)
  if (signal?.aborted) end()
  signal?.addEventListener('abort', end, { once: true })
  const code = await new Promise<number | string>(resolve => {
    child.once('error', error => resolve(messageOf(error)))
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'no status'))
  })
  clearTimeout(timer)
  signal?.removeEventListener('abort', end)
  const seconds = (performance.now() - started) / 1000
  if (signal?.aborted) return { status: 'interrupted', seconds, message: messageOf(signal.reason) }
  if (late) return { status: 'out of time', seconds, message: `after ${seconds.toFixed(0)} s` }
  if (code !== 0 && code !== task.exitsWith)
    return { status: 'failed', seconds, message: `${code}: ${errorIn(texts.error)}` }
  try {
    return {
      status: 'ok',
      seconds,
      result: JSON.parse(task.json ? readFileSync(task.json, 'utf8') : texts.out),
    }
  } catch (error) {
    return { status: 'failed', seconds, message: `its result: ${messageOf(error)}` }
  }
}

/** The error that a program ended with, without the stack that Node and Python print with it, else its last lines. */
function errorIn(text: string): string {
  const lines = text.trim().split('\n')
  const named = lines.findLast(line => /^(?:error|(?:[\w.]+\.)?\w*(?:Error|Exception)\b.*): /.test(line))
  return named?.slice(0, 600) ?? lines.slice(-4).join(' | ').slice(-600)
}
