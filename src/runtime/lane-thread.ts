import { createRequire } from 'node:module'
import { Piscina } from 'piscina'

/** What a lane's thread is given when it starts. */
export interface LaneThreadData {
  /** One word: 1 while the thread must not be ended, 0 while it waits for a message. */
  readonly busy: Int32Array<SharedArrayBuffer>
}

const idle = 0
const busy = 1

/**
 * The thread of a lane, which takes one message after the other, in their order. A thread that is ended while it
 * loads ONNX Runtime or runs a graph throws inside of native code, which aborts the process. It is ended only between
 * messages, and the end of the process waits for the message that it is at.
 */
export class LaneThread implements AsyncDisposable {
  readonly #busy = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #pool: Piscina
  #last: Promise<unknown>
  #closing: Promise<void> | undefined

  constructor() {
    const workerData: LaneThreadData = { busy: this.#busy }
    this.#pool = new Piscina({
      // The compiled worker, also when this file runs from source.
      filename: createRequire(import.meta.url).resolve('#lane-worker'),
      workerData,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
    })
    guardProcessEnd(this.#busy)
    // Why ONNX Runtime does not load, the messages after it are told too.
    this.#last = this.#run('start', undefined).catch(() => {})
  }

  /** The pool does not promise to keep the order of what waits in it: one message is in it at a time. */
  async send<Message, Reply = void>(name: string, message: Message): Promise<Reply> {
    const reply = this.#last.then(() => this.#run<Message, Reply>(name, message))
    this.#last = reply.catch(() => {})
    return await reply
  }

  async #run<Message, Reply>(name: string, message: Message): Promise<Reply> {
    Atomics.store(this.#busy, 0, busy)
    try {
      return await this.#pool.run(message, { name })
    } finally {
      // A thread that has died says nothing.
      markIdle(this.#busy)
    }
  }

  /** Waits for the messages that were sent, then ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    for (let last: unknown; last !== this.#last; ) {
      last = this.#last
      await last
    }
    await this.#pool.close()
    guarded.delete(this.#busy)
  }
}

const guarded = new Set<LaneThreadData['busy']>()

/** Makes `process.exit`, which ends all threads, wait for those that are inside of native code. */
function guardProcessEnd(word: LaneThreadData['busy']): void {
  if (guarded.size === 0 && !process.listeners('exit').includes(waitForThreads)) {
    process.on('exit', waitForThreads)
  }
  guarded.add(word)
}

/** Longer than that a run is not waited for, for the case of a thread that has died inside of it. */
const longestWaitMs = 600_000

function waitForThreads(): void {
  for (const word of guarded) Atomics.wait(word, 0, busy, longestWaitMs)
}

/** Marks the end of a message: the thread does so where it has done what it was asked. */
export function markIdle(word: LaneThreadData['busy']): void {
  Atomics.store(word, 0, idle)
  Atomics.notify(word, 0)
}
