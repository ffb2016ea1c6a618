import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { JobsError } from '../errors.ts'
import type { Database } from './database.ts'
import type { Storage } from './storage.ts'

/** The file in a storage that says which one it is. */
export const markerKey = 'storage-id'

/** How long a program that needs a known storage waits for the one that makes it known: they may start together. */
const knownWithinMs = 30_000

/**
 * Holds a storage against the one that the database belongs to, by a UUID that both have. A storage that is not mounted, or
 * is another one, would take finished videos to where nobody finds them. An embedded database is not shared: any storage
 * does.
 * @param known whether it has to be known already; else the first one becomes it
 * @returns checks it again
 * @throws JobsError `jobs/storage` when it is another one
 */
export async function bindStorage(
  database: Database,
  storage: Storage,
  known: boolean,
): Promise<() => Promise<void>> {
  if (database.embedded) return async () => {}
  let expected = await expectedId(database)
  for (const end = performance.now() + knownWithinMs; known && !expected; ) {
    if (performance.now() > end) throw wrong(storage, 'one that a server has started with', 'none so far')
    await wait(500)
    expected = await expectedId(database)
  }
  const id = expected ?? (await makeKnown(database, storage))
  const check = async () => {
    const found = await markerOf(storage)
    if (found === id) return
    throw wrong(
      storage,
      `the folder ${id} of the servers and workers`,
      found ?? `one without ${markerKey}`,
      id,
    )
  }
  await check()
  return check
}

async function expectedId(database: Database): Promise<string | undefined> {
  const [row] = await database.query('SELECT id FROM framewright.storage')
  return row?.id as string | undefined
}

/** @returns the id that counts: another process may have been faster */
async function makeKnown(database: Database, storage: Storage): Promise<string> {
  if (!(await markerOf(storage))) await storage.write(markerKey, Buffer.from(`${randomUUID()}\n`))
  const id = await markerOf(storage)
  await database.query('INSERT INTO framewright.storage (id) VALUES ($1) ON CONFLICT DO NOTHING', [id])
  return (await expectedId(database))!
}

async function markerOf(storage: Storage): Promise<string | undefined> {
  const text = await readFile(storage.pathOf(markerKey), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text?.trim()
}

function wrong(storage: Storage, expected: string, got: string, id?: string): JobsError {
  return new JobsError('jobs/storage', {
    subject: `storage ${storage.pathOf(markerKey).slice(0, -markerKey.length - 1)}`,
    expected,
    got,
    advice: id
      ? `Mount it there, or give its path with --storage. Where its files are gone for good, a file ${markerKey} with that id makes an empty folder the new one.`
      : 'Start a server on the database first.',
  })
}
