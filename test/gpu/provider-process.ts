/** Processes with the CUDA provider in them, each of which opens one graph after the other. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is kept of one job. */
export interface JobTrace {
  /** What the process wrote, of both streams. */
  readonly output: string
  /** Lines of the stand-ins. */
  readonly log: string
  /** The message of the error that the job ended with. */
  readonly failure: string | undefined
}

const script = fileURLToPath(new URL('./open-session.mjs', import.meta.url))

/** Takes jobs in turn: what is read of its files between two of them is of one job. */
export class ProviderProcess {
  readonly #child: ChildProcess
  readonly #files: { readonly output: string; readonly log: string }
  #read = { output: 0, log: 0 }
  #last: Promise<unknown> = Promise.resolve()

  /** @param folder an empty one, for what the process writes */
  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.#files = { output: path.join(folder, 'output'), log: path.join(folder, 'log') }
    closeSync(openSync(this.#files.log, 'w'))
    // Into a file, which holds what native code has written when the job has ended.
    const output = openSync(this.#files.output, 'w')
    this.#child = fork(script, {
      env: { ...environment, CUDA_STAND_IN_LOG: this.#files.log },
      execArgv: [],
      stdio: ['ignore', output, output, 'ipc'],
    })
    closeSync(output)
  }

  get ended(): boolean {
    return !this.#child.connected
  }

  /** @throws Error with what was written, where the process ends in the job */
  async run(job: object): Promise<JobTrace> {
    const trace = this.#last.then(() => this.#run(job))
    this.#last = trace.catch(() => {})
    return await trace
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  async #run(job: object): Promise<JobTrace> {
    const waiting = new AbortController()
    const { signal } = waiting
    const done = once(this.#child, 'message', { signal }).then(([answer]) => answer as { failure?: string })
    const exit = once(this.#child, 'exit', { signal }).then(([code, killed]) => {
      throw new Error(`the process ended with ${killed ?? code}: ${this.#newIn('output').slice(-2000)}`)
    })
    this.#child.send({ ...job, log: this.#files.log })
    try {
      const { failure } = await Promise.race([done, exit])
      return { output: this.#newIn('output'), log: this.#newIn('log'), failure }
    } finally {
      waiting.abort()
      await Promise.allSettled([done, exit])
    }
  }

  #newIn(file: 'output' | 'log'): string {
    const bytes = readFileSync(this.#files[file])
    const added = bytes.toString('utf8', this.#read[file])
    this.#read[file] = bytes.length
    return added
  }
}
