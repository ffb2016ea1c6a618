import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { HostError } from '../errors.ts'
import { MappedFiles } from '../weights/mapped-files.ts'
import { reportError } from './report-error.ts'
import {
  type CommandMessage,
  type InterruptMessage,
  type InterruptName,
  interruptExitCodes,
  interruptNames,
} from './supervision.ts'
import { watchStarter } from './watch-starter.ts'

/** Commands that run for long, or run graphs. */
const supervised = ['generate', 'eval', 'bench', 'export', 'setup', 'models', 'serve', 'studio', 'worker']

export function isSupervised(argv: readonly string[]): boolean {
  return supervised.includes(argv[0] ?? '') && !argv.includes('--help') && !argv.includes('-h')
}

/**
 * Runs a command in a process of its own. A graph that runs in a process holds up its end, however it is asked to end:
 * only from outside can it be ended in time, with an exit code, and its unfinished files removed.
 * @returns the exit code
 */
export async function supervise(argv: readonly string[]): Promise<number> {
  // The compiled program, also when this file runs from source.
  const program = createRequire(import.meta.url).resolve('#command-process')
  // Before there is a process that a signal to this one alone would leave behind.
  for (const name of interruptNames) process.on(name, () => command.interrupt(name, 'supervisor'))
  const command = new SupervisedCommand(
    fork(program, argv, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] }),
  )
  using _watch = watchStarter(() => command.interrupt('SIGTERM', 'supervisor'))
  return await command.exitCode(argv)
}

class SupervisedCommand {
  readonly #child: ChildProcess
  readonly #unfinished = new Set<string>()
  readonly #mapped = new MappedFiles()
  /** 0 until the command has said that it ends by itself. */
  #graceMs = 0
  #resumable = false
  #interrupt: InterruptName | undefined
  /** Signals that each of the two processes got. */
  readonly #received = { supervisor: 0, command: 0 }
  #timer: NodeJS.Timeout | undefined
  /** What the command said that it ends with. */
  #said: number | undefined
  #late = false
  #finished = false

  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message: CommandMessage) => this.#take(message))
  }

  /**
   * The first asks the command to end, and ends it when it has not; the second ends it at once.
   * @param process which of the two was sent the signal: a terminal sends each to both, `kill` to one
   */
  interrupt(signal: InterruptName, process: 'supervisor' | 'command'): void {
    const before = Math.max(...Object.values(this.#received))
    this.#received[process]++
    if (this.#received[process] <= before) return
    this.#interrupt = signal
    if (before > 0 || this.#graceMs === 0) {
      this.#child.kill('SIGKILL')
      return
    }
    const message: InterruptMessage = { type: 'interrupt', signal }
    if (this.#child.connected) this.#child.send(message, () => {})
    this.#timer = setTimeout(() => {
      this.#late = true
      this.#child.kill('SIGKILL')
    }, this.#graceMs)
  }

  async exitCode(argv: readonly string[]): Promise<number> {
    const [code, signal] = (await once(this.#child, 'exit')) as [number | null, NodeJS.Signals | null]
    clearTimeout(this.#timer)
    // Of a command that has ended by itself none are left.
    await Promise.all([...this.#unfinished].map(path => rm(path, { recursive: true, force: true })))
    if (this.#finished && this.#interrupt !== undefined) return code ?? 0
    if (this.#interrupt !== undefined && code !== 0) return this.#interrupted(this.#interrupt, argv)
    if (code !== null) return code
    return reportError(crash(signal ?? 'SIGKILL', this.#mapped.damage()), argv)
  }

  #interrupted(by: InterruptName, argv: readonly string[]): number {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    const how = this.#late ? `, ended after ${this.#graceMs / 1000} s in the middle of its work` : ''
    const left = this.#resumable ? 'the next run goes on from here' : 'nothing unfinished is left'
    process.stderr.write(`stopped by ${by}${how}: ${left}\n`)
    if (this.#said === undefined && argv.includes('--json')) {
      process.stdout.write(
        `${JSON.stringify({ type: 'error', code: 'cancelled', message: 'interrupted' })}\n`,
      )
    }
    return interruptExitCodes[by]
  }

  #take(message: CommandMessage): void {
    if (message.type === 'interruptible') {
      this.#graceMs = message.graceMs
      this.#resumable = message.resumable
    }
    if (message.type === 'finished') this.#finished = true
    if (message.type === 'mapped') this.#mapped.add(message.file)
    if (message.type === 'signal') this.interrupt(message.signal, 'command')
    if (message.type === 'unfinished' && message.done) this.#unfinished.delete(message.path)
    if (message.type === 'unfinished' && !message.done) this.#unfinished.add(message.path)
    if (message.type === 'ended') {
      this.#said = message.exitCode
      this.#child.kill('SIGKILL')
    }
  }
}

/** @param damage what was done to a weights file under the process */
function crash(signal: NodeJS.Signals, damage: string | undefined): HostError {
  return new HostError('host/crashed', {
    subject: 'framewright',
    expected: 'a process that runs to its end',
    got: `${signal} (${constants.signals[signal]})${damage ? `: ${damage}` : ''}`,
    advice: damage
      ? 'Run it again when the file is whole. A new version is best written beside it and renamed.'
      : signal === 'SIGKILL'
        ? 'Systems end processes so when memory runs out: make fewer frames or a smaller size, or free memory.'
        : 'Report it with what was printed before, and the output of "framewright doctor".',
  })
}
