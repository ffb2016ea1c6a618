import { randomUUID } from 'node:crypto'
import { link, open, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { JobsError } from '../errors.ts'

export interface FolderLock {
  release(): Promise<void>
}

/** What a lock file says of the process that has the lock. */
interface Holder {
  readonly id: string
  readonly pid: number
  readonly host: string
  /** Of the kernel that it runs on: containers of one machine have the same, whatever their namespaces. */
  readonly kernel: string
  /** Its socket in the folder; none where the file system has no sockets. */
  readonly socket?: string
}

/** How often a holder says that it lives, and after how long without it another kernel's process counts as gone. */
export interface LockTimes {
  readonly beatMs: number
  readonly goneMs: number
}

export const usualLockTimes: LockTimes = { beatMs: 2_000, goneMs: 10_000 }

/**
 * Keeps other processes out of a part of a folder: those of this machine, of other containers on it, and of other machines
 * that have the folder mounted. Its means are files of the folder alone:
 *
 * - `.<what>-lock.<n>` names the holder; the highest number counts. A lock is taken by linking the next number, which
 *   succeeds for one process only, and let go by emptying the file.
 * - A holder on this kernel lives exactly as long as the socket in the folder that it listens on answers: one that was
 *   killed is gone at once, one that was stopped is not.
 * - A holder on another kernel lives as long as the time of its file changes.
 *
 * A machine that stands still for longer than 10 s, and then goes on, is not kept from what it does: it notices within 2 s
 * that it has lost the lock, and `onLost` is called.
 * @param times the same for all who take the lock
 * @throws JobsError while another process has it
 */
export async function lockFolder(
  folder: string,
  what = 'tasks',
  onLost: () => void = () => {},
  times: LockTimes = usualLockTimes,
): Promise<FolderLock> {
  const files = new LockFiles(await realpath(folder), `.${what}-lock`)
  for (;;) {
    const latest = await files.latest()
    if (latest?.holder && (await isAlive(files, latest.number, latest.holder, times.goneMs)))
      throw inUse(folder, latest.holder)
    const lock = await take(files, (latest?.number ?? 0) + 1, onLost, times.beatMs)
    if (lock) return lock
  }
}

async function take(
  files: LockFiles,
  number: number,
  onLost: () => void,
  beatMs: number,
): Promise<FolderLock | undefined> {
  const id = randomUUID()
  const socket = await listen(files.folder, `${files.name}-${id.slice(0, 8)}`)
  const holder: Holder = {
    id,
    pid: process.pid,
    host: hostname(),
    kernel: await kernelId(),
    ...(socket && { socket: socket.name }),
  }
  if (!(await files.make(number, holder))) {
    await socket?.close()
    return undefined
  }
  // Who was slow to judge the one before may have made a number that is behind: the highest counts.
  if ((await files.latest())?.holder?.id !== id) {
    await files.remove(number)
    await socket?.close()
    return undefined
  }
  await files.removeBefore(number, holder)
  const beat = setInterval(async () => {
    const latest = await files.latest().catch(() => undefined)
    if (!latest || latest.holder?.id === id) return await files.touch(number)
    clearInterval(beat)
    onLost()
  }, beatMs)
  beat.unref()
  return {
    async release() {
      clearInterval(beat)
      await files.empty(number, id)
      await socket?.close()
    },
  }
}

/** The lock files of one part of a folder. */
class LockFiles {
  readonly folder: string
  readonly name: string

  constructor(folder: string, name: string) {
    this.folder = folder
    this.name = name
  }

  path(number: number): string {
    return join(this.folder, `${this.name}.${number}`)
  }

  /** The file that counts; without a holder when the lock was let go. */
  async latest(): Promise<{ readonly number: number; readonly holder: Holder | undefined } | undefined> {
    for (;;) {
      const numbers = (await this.#numbers()).map(({ number }) => number)
      if (numbers.length === 0) return undefined
      const number = Math.max(...numbers)
      const text = await readFile(this.path(number), 'utf8').catch(ifThere)
      // Gone meanwhile: there is a higher one.
      if (text !== undefined) return { number, holder: holderOf(text) }
    }
  }

  /** @returns whether it was not there */
  async make(number: number, holder: Holder): Promise<boolean> {
    const whole = join(this.folder, `${this.name}-${holder.id}.tmp`)
    try {
      await writeFile(whole, JSON.stringify(holder), { mode: 0o644 })
      await link(whole, this.path(number))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      await rm(whole, { force: true })
    }
  }

  async changed(number: number): Promise<number | undefined> {
    return (await stat(this.path(number)).catch(ifThere))?.mtimeMs
  }

  async touch(number: number): Promise<void> {
    const now = new Date()
    await utimes(this.path(number), now, now).catch(() => {})
  }

  /** The number stays: nobody takes one that was had before. */
  async empty(number: number, id: string): Promise<void> {
    const text = await readFile(this.path(number), 'utf8').catch(ifThere)
    if (text !== undefined && holderOf(text)?.id === id) await writeFile(this.path(number), '')
  }

  async remove(number: number): Promise<void> {
    await rm(this.path(number), { force: true })
  }

  /** Removes what those before have left: their files, their sockets, and what they did not come to link. */
  async removeBefore(number: number, { id, socket }: Holder): Promise<void> {
    for (const each of await this.#numbers()) {
      if (each.number >= number) continue
      const text = await readFile(join(this.folder, each.file), 'utf8').catch(ifThere)
      const left = text === undefined ? undefined : holderOf(text)
      if (left?.socket && left.id !== id && left.socket !== socket) {
        await rm(join(this.folder, left.socket), { force: true })
      }
      await this.remove(each.number)
    }
  }

  async #numbers(): Promise<{ readonly file: string; readonly number: number }[]> {
    return (await readdir(this.folder)).flatMap(file => {
      const digits = file.startsWith(`${this.name}.`) ? file.slice(this.name.length + 1) : ''
      return /^\d{1,15}$/.test(digits) ? [{ file, number: Number(digits) }] : []
    })
  }
}

function holderOf(text: string): Holder | undefined {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as Holder
  } catch {
    // It was emptied at this moment.
    return undefined
  }
}

async function isAlive(
  files: LockFiles,
  number: number,
  { kernel, socket }: Holder,
  goneMs: number,
): Promise<boolean> {
  if (socket && kernel === (await kernelId())) {
    const answer = await answers(files.folder, socket)
    if (answer !== undefined) return answer
  }
  const before = await files.changed(number)
  for (const end = performance.now() + goneMs; performance.now() < end; await wait(200)) {
    const now = await files.changed(number)
    if (now !== before) return now !== undefined
  }
  return false
}

interface LockSocket {
  readonly name: string
  close(): Promise<void>
}

/** @returns undefined where the file system has no sockets */
async function listen(folder: string, name: string): Promise<LockSocket | undefined> {
  const server = createServer(socket => socket.destroy())
  const listening = await inFolder(
    folder,
    name,
    path =>
      new Promise<Server | undefined>(resolve => {
        server.once('error', () => resolve(undefined))
        server.listen(path, () => resolve(server))
      }),
  )
  if (!listening) return undefined
  server.unref()
  return {
    name,
    async close() {
      await new Promise<void>(resolve => server.close(() => resolve()))
      await rm(join(folder, name), { force: true })
    },
  }
}

/** @returns undefined when it cannot be told */
async function answers(folder: string, name: string): Promise<boolean | undefined> {
  return await inFolder(
    folder,
    name,
    path =>
      new Promise<boolean | undefined>(resolve => {
        const socket = connect(path, () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', ({ code }: NodeJS.ErrnoException) => {
          resolve(code === 'ECONNREFUSED' || code === 'ENOENT' ? false : undefined)
        })
      }),
  )
}

/** Paths of sockets have at most 107 bytes: on Linux the folder is named by its open file. */
async function inFolder<T>(folder: string, name: string, use: (path: string) => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return await use(join(folder, name))
  const handle = await open(folder, 'r')
  try {
    return await use(`/proc/self/fd/${handle.fd}/${name}`)
  } finally {
    await handle.close()
  }
}

async function kernelId(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return boot.trim() || hostname()
}

function ifThere(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

function inUse(folder: string, { pid, host }: Holder): JobsError {
  return new JobsError('jobs/database', {
    subject: `database ${folder}`,
    expected: 'a folder that no other process has open',
    got: `one that process ${pid} on ${host} has`,
    advice: 'Stop the other server, or keep the tasks in a PostgreSQL server: --database postgres://…',
  })
}
