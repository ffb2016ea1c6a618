import { createRequire } from 'node:module'
import { Piscina } from 'piscina'

/** What a lane's thread is given when it starts. */
export interface LaneThreadData {
  /** One word: 1 while the thread must not be ended, 0 while it waits for a message. */
  readonly busy: Int32Array<SharedArrayBuffer>
}

const idle = 0
const busy = 1

/** Idle threads that are kept for the next lanes. */
const keptThreads = 2

/** How long an idle thread is kept. */
const keptMs = 10_000

/** A worker thread, and the word that says whether it is inside of a message. */
interface Thread {
  readonly pool: Piscina
  readonly busy: Int32Array<SharedArrayBuffer>
  /** Whether it has ended, such as one that could not start. What it had is lost, and no other takes its messages. */
  ended: boolean
  /** What it ended with. */
  failure: unknown
}

interface IdleThread {
  readonly thread: Thread
  /** Ends it when nobody has taken it. */
  readonly expiry: NodeJS.Timeout
}

const idleThreads: IdleThread[] = []

/**
 * The thread of a lane, which takes one message after the other, in their order. A thread that is ended while it
 * loads ONNX Runtime or runs a graph throws inside of native code, which aborts the process. It is ended only between
 * messages, and the end of the process waits for the message that it is at. A thread takes 50 to 100 ms of a core to
 * start: the threads of disposed lanes are kept for a while, and later lanes take them.
 */
export class LaneThread implements AsyncDisposable {
  readonly #thread: Thread
  #last: Promise<unknown>
  #closing: Promise<void> | undefined

  constructor() {
    this.#thread = takeIdleThread() ?? startThread()
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
    const thread = this.#thread
    const { pool, busy: word } = thread
    if (thread.ended) throw thread.failure ?? new Error('the thread of the lane has ended')
    Atomics.store(word, 0, busy)
    try {
      return await pool.run(message, { name })
    } catch (error) {
      if (thread.ended) thread.failure ??= error
      throw error
    } finally {
      // A thread that has died says nothing.
      markIdle(word)
    }
  }

  /** Waits for the messages that were sent, frees what they have left in the thread, then lets it go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    for (let last: unknown; last !== this.#last; ) {
      last = this.#last
      await last
    }
    const isClean = await this.#run('reset', undefined).then(
      () => true,
      () => false,
    )
    if (isClean && idleThreads.length < keptThreads) keepThread(this.#thread)
    else await endThread(this.#thread)
  }
}

function startThread(): Thread {
  const word = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const workerData: LaneThreadData = { busy: word }
  const pool = new Piscina({
    // The compiled worker, also when this file runs from source.
    filename: createRequire(import.meta.url).resolve('#lane-worker'),
    workerData,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
  })
  guardProcessEnd(word)
  const thread: Thread = { pool, busy: word, ended: false, failure: undefined }
  pool.on('workerDestroy', () => {
    thread.ended = true
  })
  // Of a thread that ends between messages, or of the one that the pool starts in its place.
  pool.on('error', error => {
    thread.failure ??= error
  })
  return thread
}

async function endThread({ pool, busy: word, ended }: Thread): Promise<void> {
  // close() waits for messages, which one that ended does not answer.
  await (ended ? pool.destroy() : pool.close())
  guarded.delete(word)
}

function keepThread(thread: Thread): void {
  const expiry = setTimeout(() => {
    idleThreads.splice(idleThreads.indexOf(kept), 1)
    // Nobody waits for it, and what it had is freed.
    endThread(thread).catch(() => {})
  }, keptMs)
  const kept: IdleThread = { thread, expiry: expiry.unref() }
  idleThreads.push(kept)
}

function takeIdleThread(): Thread | undefined {
  const kept = idleThreads.pop()
  clearTimeout(kept?.expiry)
  if (!kept?.thread.ended) return kept?.thread
  endThread(kept.thread).catch(() => {})
  return takeIdleThread()
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
