import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { BackendError, HostError } from '../errors.ts'
import { MappedFiles } from '../weights/mapped-files.ts'
import type { HostEngineOptions } from './host-process.ts'
import { HostTail } from './host-tail.ts'
import type { HostCommand, HostProgress, HostReply, RunEnd, RunSpec } from './protocol.ts'

export interface EngineHostOptions {
  readonly engine: HostEngineOptions
  /** From its start until it answers; then the process is killed. */
  readonly startMs?: number
  /** From a request to stop to its end; then the process is killed. Longer than a step of the slowest model. */
  readonly graceMs?: number
  /** Between two pings; a process that leaves three unanswered is killed. */
  readonly pingMs?: number
  readonly onEvent?: (event: HostEvent) => void
}

/** What an operator wants to know. */
export type HostEvent =
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'killed'; readonly reason: string }
  | { readonly type: 'exited'; readonly reason: string; readonly expected: boolean }

export interface HostRunOptions {
  /** Stops at the next step. With the reason `drain` a checkpoint of the last step is left. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: HostProgress) => void
}

interface ActiveRun {
  readonly id: string
  readonly onProgress: (progress: HostProgress) => void
  readonly end: (end: RunEnd) => void
  readonly crash: (error: HostError) => void
}

interface Opening {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const unansweredPings = 3

/**
 * The supervisor's end of an engine host: starts the process when there is work, starts it again after it has died,
 * kills it when it hangs. Runs are one at a time.
 */
export class EngineHost implements AsyncDisposable {
  readonly #options: Required<EngineHostOptions>
  #process: ChildProcess | undefined
  #tail = new HostTail()
  #mapped = new MappedFiles()
  #active: ActiveRun | undefined
  /** Until it is ready a timeout, then the interval of pings. */
  #watching: NodeJS.Timeout | undefined
  #unanswered = 0
  #runs = 0
  #starts = 0
  #residentBytes = 0
  #engineDevice: string | undefined
  #modelHits = 0
  #modelMisses = 0
  #closing = false
  /** Who waits for the process to be ready. */
  #opening: Opening | undefined

  constructor(options: EngineHostOptions) {
    this.#options = { startMs: 60_000, graceMs: 60_000, pingMs: 5_000, onEvent: () => {}, ...options }
  }

  get device(): string {
    return this.#options.engine.device ?? 'auto'
  }

  /** Of the process; undefined when there is none. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  get busy(): boolean {
    return this.#active !== undefined
  }

  /** Starts after the first. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1)
  }

  /** Memory of the process, as it last said; 0 without one. */
  get residentBytes(): number {
    return this.#process ? this.#residentBytes : 0
  }

  /** Where the loaded model is: `cpu`, `cuda:0`, or two with a comma between them; undefined where none is loaded. */
  get engineDevice(): string | undefined {
    return this.#engineDevice
  }

  /** Runs whose model was loaded already. */
  get modelHits(): number {
    return this.#modelHits
  }

  /** Runs whose model had to be opened. */
  get modelMisses(): number {
    return this.#modelMisses
  }

  /**
   * Starts the process, unless it runs, and waits until its device has been used.
   * @throws BackendError `runtime/provider` when the device does not work; HostError when the process does not start
   */
  async open(): Promise<void> {
    if (this.#process) return
    await new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject }
      this.#start()
    }).finally(() => {
      this.#opening = undefined
    })
  }

  /** Ends the process, and opens another one. @throws as `open` */
  async reopen(): Promise<void> {
    const child = this.#process
    if (child) {
      const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
      child.kill('SIGKILL')
      await gone
    }
    await this.open()
  }

  /**
   * Makes one video.
   * @throws HostError `host/crashed` when the process dies or has to be killed: another attempt may succeed
   */
  async run(spec: RunSpec, { signal, onProgress }: HostRunOptions): Promise<RunEnd> {
    if (signal.aborted || this.#closing) return { type: 'stopped' }
    const id = String(++this.#runs)
    const child = this.#process ?? this.#start()
    const stop = () => this.#stop(id, signal.reason === 'drain')
    try {
      return await new Promise<RunEnd>((resolve, reject) => {
        this.#active = { id, onProgress, end: resolve, crash: reject }
        signal.addEventListener('abort', stop, { once: true })
        this.#send(child, { type: 'run', id, spec })
      })
    } catch (error) {
      // Killed because it did not stop: that it was asked to is what counts.
      if (signal.aborted) return { type: 'stopped' }
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
      this.#active = undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    const child = this.#process
    if (!child) return
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    this.#send(child, { type: 'close' })
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.graceMs)
    await gone
    clearTimeout(timer)
  }

  #start(): ChildProcess {
    // The compiled program, also when this file runs from source.
    const program = createRequire(import.meta.url).resolve('#host-process')
    const child = fork(program, [JSON.stringify(this.#options.engine)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    })
    this.#process = child
    this.#starts++
    this.#tail = new HostTail(child)
    this.#mapped = new MappedFiles()
    child.on('message', (message: HostReply) => {
      if (message.type === 'ready') {
        this.#opening?.resolve()
        this.#watch(child)
      } else if (message.type === 'unusable') {
        const { message: text } = message.failure
        this.#opening?.reject(new BackendError('runtime/provider', text))
        this.#active?.end({ type: 'failed', failure: message.failure })
      } else this.#take(message)
    })
    child.on('error', error => this.#options.onEvent({ type: 'note', text: error.message }))
    child.on('exit', (code, signal) => void this.#exited(child, signal ?? `exit code ${code}`))
    this.#awaitReady(child)
    this.#options.onEvent({ type: 'started', pid: child.pid ?? 0 })
    return child
  }

  #take(message: Exclude<HostReply, { type: 'ready' | 'unusable' }>): void {
    if (message.type === 'pong') {
      this.#unanswered = 0
      this.#residentBytes = message.residentBytes
      return
    }
    if (message.type === 'mapped') {
      this.#mapped.add(message.file)
      return
    }
    if (message.id !== this.#active?.id) return
    if (message.type === 'model') {
      this.#engineDevice = message.device
      if (message.reused) this.#modelHits++
      else this.#modelMisses++
      return
    }
    if (message.type === 'progress') this.#active.onProgress(message.progress)
    else if (message.type === 'note') this.#options.onEvent({ type: 'note', text: message.text })
    else this.#active.end(message.end)
  }

  #awaitReady(child: ChildProcess): void {
    const reason = 'it did not get ready'
    this.#watching = setTimeout(() => this.#kill(child, reason), this.#options.startMs)
    this.#watching.unref()
  }

  /** A process that loads its code cannot answer yet: pings begin when it is ready. */
  #watch(child: ChildProcess): void {
    clearTimeout(this.#watching)
    this.#unanswered = 0
    let number = 0
    this.#watching = setInterval(() => {
      if (this.#unanswered >= unansweredPings) this.#kill(child, 'it did not answer')
      this.#unanswered++
      this.#send(child, { type: 'ping', number: ++number })
    }, this.#options.pingMs)
    this.#watching.unref()
  }

  #stop(id: string, save: boolean): void {
    const child = this.#process
    if (!child) return
    this.#send(child, { type: 'stop', id, save })
    const timer = setTimeout(() => {
      if (this.#active?.id === id) this.#kill(child, 'it did not stop')
    }, this.#options.graceMs)
    timer.unref()
  }

  #kill(child: ChildProcess, reason: string): void {
    this.#options.onEvent({ type: 'killed', reason })
    child.kill('SIGKILL')
  }

  async #exited(child: ChildProcess, reason: string): Promise<void> {
    if (this.#process !== child) return
    clearTimeout(this.#watching)
    this.#process = undefined
    this.#engineDevice = undefined
    this.#options.onEvent({ type: 'exited', reason, expected: this.#closing })
    const [opening, active] = [this.#opening, this.#active]
    const said = this.#tail.text
    const damage = this.#mapped.damage()
    const crash = new HostError('host/crashed', {
      subject: `engine host of ${this.device}`,
      expected: 'a process that runs',
      got: damage ? `${reason}: ${damage}` : said ? `${reason} after "${said}"` : reason,
      advice: 'The video is tried again, from its last checkpoint.',
    })
    opening?.reject(crash)
    active?.crash(crash)
  }

  #send(child: ChildProcess, command: HostCommand): void {
    // A channel that has just closed is reported by the exit.
    if (child.connected) child.send(command, () => {})
  }
}
