import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Results, Transaction } from '@electric-sql/pglite'
import { JobsError } from '../index.ts'
import type { Database, Row, Session } from './database.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'

type PGlite = import('@electric-sql/pglite').PGlite

/** PostgreSQL inside this process, in a folder that no other process has open. */
export class EmbeddedDatabase implements Database {
  readonly embedded = true
  readonly #pglite: PGlite
  readonly #lock: FolderLock

  private constructor(pglite: PGlite, lock: FolderLock) {
    this.#pglite = pglite
    this.#lock = lock
  }

  /** @throws JobsError when another process has it open, or it is damaged */
  static async open(folder: string): Promise<EmbeddedDatabase> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const lock = await lockFolder(folder)
    try {
      return new EmbeddedDatabase(await openFolder(folder), lock)
    } catch (error) {
      await lock.release()
      throw new JobsError(
        'jobs/database',
        {
          subject: `database ${folder}`,
          expected: 'a folder of tasks',
          got: (error as Error).message ?? String(error),
          advice: 'Move it away to begin anew, or restore it from a copy.',
        },
        { cause: error },
      )
    }
  }

  async query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return await rowsOf(this.#pglite, text, values)
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return await this.#pglite.transaction(async open => {
      return await work({ query: (text, values) => rowsOf(open, text, values) })
    })
  }

  async listen(channel: string, onMessage: (payload: string) => void): Promise<void> {
    await this.#pglite.listen(channel, onMessage)
  }

  async close(): Promise<void> {
    if (this.#pglite.closed) return
    await this.#pglite.close()
    await this.#lock.release()
  }
}

/** A new database is made beside its place and moved there, so that one that is half made is never opened. */
async function openFolder(folder: string): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  const place = join(folder, 'postgres')
  const made = join(folder, 'postgres.new')
  await rm(made, { recursive: true, force: true })
  if (!(await isThere(join(place, 'PG_VERSION')))) {
    const fresh = await PGlite.create(made)
    await fresh.close()
    await rename(made, place)
  }
  return await PGlite.create(place)
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

async function rowsOf(
  session: Pick<PGlite, 'query' | 'exec'> | Transaction,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Row[]> {
  if (values && values.length > 0) {
    // undefined is not a value of PGlite's.
    return (
      await session.query<Row>(
        text,
        values.map(value => value ?? null),
      )
    ).rows
  }
  const results: Results[] = await session.exec(text)
  return (results.at(-1)?.rows ?? []) as Row[]
}
