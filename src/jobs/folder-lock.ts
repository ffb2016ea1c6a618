import { createHash } from 'node:crypto'
import { realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JobsError } from '../errors.ts'

export interface FolderLock {
  release(): Promise<void>
}

/**
 * Keeps other processes of this machine out of a part of a folder. The lock is a socket that the process listens on, so it is
 * gone with the process, however that ends, and no number of a process is ever mistaken for another's.
 * @throws JobsError while another process has it
 */
export async function lockFolder(folder: string, what = 'tasks'): Promise<FolderLock> {
  const address = socketAddress(`${what} ${await realpath(folder)}`)
  const server = (await listen(address)) ?? (await takeOver(address))
  if (!server) {
    throw new JobsError('jobs/database', {
      subject: `database ${folder}`,
      expected: 'a folder that no other process has open',
      got: 'one that is in use',
      advice: 'Stop the other server, or keep the tasks in a PostgreSQL server: --database postgres://…',
    })
  }
  server.unref()
  return { release: async () => await new Promise(resolve => server.close(() => resolve())) }
}

function socketAddress(what: string): string {
  const name = `framewright-${createHash('sha256').update(what).digest('hex').slice(0, 24)}`
  // Names outside the file system, where there are such: these vanish with their process.
  if (process.platform === 'linux') return `\0${name}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  return join(tmpdir(), `${name}.sock`)
}

async function listen(address: string): Promise<Server | undefined> {
  const server = createServer(socket => socket.destroy())
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

/** A socket file that nobody listens on was left by a process that was killed. */
async function takeOver(address: string): Promise<Server | undefined> {
  if (!address.endsWith('.sock') || (await isAnswered(address))) return undefined
  await rm(address, { force: true })
  return await listen(address)
}

async function isAnswered(address: string): Promise<boolean> {
  return await new Promise(resolve => {
    const socket = connect(address, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
