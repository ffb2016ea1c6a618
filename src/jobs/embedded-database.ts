import { once } from 'node:events'
import { mkdir, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { JobsError } from '../errors.ts'
import type { Database, Row, Session } from './database.ts'
import type { ThreadMessage, ThreadRequest } from './embedded-thread.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'

interface Waiter {
  readonly done: (rows: readonly Row[]) => void
  readonly fail: (error: Error) => void
}

/** PostgreSQL inside this process, in a thread of its own and a folder that no other process has open. */
export class EmbeddedDatabase implements Database {
  readonly embedded = true
  readonly #folder: string
  readonly #thread: Worker
  readonly #lock: FolderLock
  readonly #waiting = new Map<number, Waiter>()
  readonly #listeners = new Map<string, ((payload: string) => void)[]>()
  #lastId = 0
  #lastTransaction = 0
  #closing: Promise<void> | undefined
  /** Why nothing can be asked any more. */
  #ended: string | undefined

  private constructor(folder: string, thread: Worker, lock: FolderLock) {
    this.#folder = folder
    this.#thread = thread
    this.#lock = lock
    thread.on('message', message => this.#hear(message as ThreadMessage))
    thread.on('error', error => this.#end(error.message))
    thread.on('exit', () => this.#end('one that has ended'))
  }

  /** @throws JobsError when another process has it open, there is no room for it, or it is damaged */
  static async open(folder: string): Promise<EmbeddedDatabase> {
    let lock: FolderLock | undefined
    let opened: EmbeddedDatabase | undefined
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      lock = await lockFolder(folder, 'tasks', () => {
        if (opened) opened.#lose()
      })
      await checkRoom(folder)
      opened = new EmbeddedDatabase(folder, await startThread(folder), lock)
      return opened
    } catch (error) {
      await lock?.release().catch(() => {})
      throw error instanceof JobsError ? error : await openError(folder, error as Error)
    }
  }

  async query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return await this.#ask({ kind: 'query', text, ...(values && { values }) })
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const transaction = ++this.#lastTransaction
    // What the work asks is sent right behind: nothing waits for the way there and back while the others have to wait.
    const begun = this.#ask({ kind: 'begin', transaction })
    begun.catch(() => {}) // told by the end
    const session: Session = {
      query: (text, values) => this.#ask({ kind: 'query', text, ...(values && { values }), in: transaction }),
    }
    let result: T
    try {
      result = await work(session)
    } catch (error) {
      await begun
      await this.#ask({ kind: 'end', transaction, commit: false })
      throw error
    }
    await this.#ask({ kind: 'end', transaction, commit: true })
    return result
  }

  async listen(channel: string, onMessage: (payload: string) => void): Promise<void> {
    const listeners = this.#listeners.get(channel) ?? []
    this.#listeners.set(channel, [...listeners, onMessage])
    if (listeners.length === 0) await this.#ask({ kind: 'listen', channel })
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    const closing = this.#ended === undefined ? this.#ask({ kind: 'close' }) : undefined
    this.#ended ??= 'a closed one'
    try {
      await closing
    } finally {
      await this.#thread.terminate()
      await this.#lock.release()
    }
  }

  async #ask(request: ThreadRequest): Promise<readonly Row[]> {
    if (this.#ended !== undefined) throw this.#notOpen(this.#ended)
    const id = ++this.#lastId
    return await new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail })
      this.#thread.postMessage({ id, request })
    })
  }

  #hear(message: ThreadMessage): void {
    switch (message.kind) {
      case 'done':
        this.#take(message.id)?.done(message.rows)
        break
      case 'failed':
        this.#take(message.id)?.fail(Object.assign(new Error(message.message), message.fields))
        break
      case 'notified':
        for (const each of this.#listeners.get(message.channel) ?? []) each(message.payload)
    }
  }

  #take(id: number): Waiter | undefined {
    const waiter = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiter
  }

  /** Rejects all pending requests. */
  #end(got: string): void {
    this.#ended ??= got
    for (const { fail } of this.#waiting.values()) fail(this.#notOpen(got))
    this.#waiting.clear()
  }

  /** Another process has taken over the folder: nothing is written to it any more. */
  #lose(): void {
    this.#end('one that another process has taken over')
    void this.#thread.terminate()
  }

  #notOpen(got: string): JobsError {
    return new JobsError('jobs/database', {
      subject: `database ${this.#folder}`,
      expected: 'an open database',
      got,
      advice: 'Start the program again: what was accepted is on disk.',
    })
  }
}

/** Bytes that PostgreSQL may need to begin with: a segment of its log, and what it makes of it. */
const leastRoom = 32 * 2 ** 20

/** PostgreSQL does not survive a disk without room: it is not begun with. @throws JobsError */
async function checkRoom(folder: string): Promise<void> {
  const free = await freeBytes(folder)
  if (free < leastRoom) throw noRoom(folder, `${Math.floor(free / 2 ** 20)} MiB`)
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Whatever has happened, the tasks are in the folder: no advice loses them. */
async function openError(folder: string, error: Error): Promise<JobsError> {
  const full = /ENOSPC|EDQUOT|no space left|quota exceeded/i.test(error.message)
  if (full || (await freeBytes(folder).catch(() => leastRoom)) < leastRoom)
    return noRoom(folder, 'a full disk')
  return new JobsError(
    'jobs/database',
    {
      subject: `database ${folder}`,
      expected: 'a folder of tasks',
      got: error.message,
      advice:
        'Keep it as it is, and restore it from a copy. --folder PATH begins with another one meanwhile.',
    },
    { cause: error },
  )
}

function noRoom(folder: string, got: string): JobsError {
  return new JobsError('jobs/database', {
    subject: `database ${folder}`,
    expected: `${leastRoom / 2 ** 20} MiB of free space`,
    got,
    advice: 'Free some, or give it more, and start again: the tasks are kept.',
  })
}

/** @throws what kept the database from opening */
async function startThread(folder: string): Promise<Worker> {
  // The compiled thread, also when this file runs from source.
  const { href } = pathToFileURL(createRequire(import.meta.url).resolve('#embedded-thread'))
  // Not as the thread's program: a process that was given its own with --input-type refuses that.
  const thread = new Worker(`import(${JSON.stringify(href)})`, { eval: true, workerData: folder })
  const ended = once(thread, 'exit').then((): never => {
    throw new Error('a thread that ended')
  })
  const [message] = (await Promise.race([once(thread, 'message'), ended])) as [ThreadMessage]
  ended.catch(() => {}) // from now on the database hears of it
  if (message.kind !== 'not open') return thread
  await thread.terminate()
  throw new Error(message.error)
}
