/** The database that runs in a thread: what goes over the border, and what happens when it cannot. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { JobsError } from '../../../src/errors.ts'
import { EmbeddedDatabase } from '../../../src/jobs/embedded-database.ts'
import { lockFolder } from '../../../src/jobs/folder-lock.ts'
import { openEmptyDatabase } from '../../embedded-database.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const place = join(folder, 'database')
let database: EmbeddedDatabase

beforeAll(async () => {
  database = await openEmptyDatabase(place)
  await database.query('CREATE TABLE numbers (value int PRIMARY KEY)')
}, 300_000)
afterAll(async () => await database.close())

const count = async () => (await database.query('SELECT count(*)::int AS count FROM numbers'))[0]!.count

describe('a statement', () => {
  test('gives rows with the types of their columns', async () => {
    const [row] = await database.query(
      'SELECT $1::int AS number, $2::json AS json, to_timestamp(1) AS time, $3::text[] AS list, NULL AS nothing',
      [7, '{"a": [1]}', ['x', 'y']],
    )
    expect(row).toEqual({
      number: 7,
      json: { a: [1] },
      time: new Date(1000),
      list: ['x', 'y'],
      nothing: null,
    })
  })

  test('that fails says what PostgreSQL says', async () => {
    await database.query('INSERT INTO numbers VALUES (1)')
    const failing = database.query('INSERT INTO numbers VALUES ($1)', [1])
    await expect(failing).rejects.toMatchObject({ code: '23505', constraint: 'numbers_pkey' })
    await expect(failing).rejects.toThrow('duplicate key')
    await database.query('DELETE FROM numbers')
  })
})

test('a new folder is as small as PostgreSQL can make it: its log has segments of 1 MB', async () => {
  expect(await database.query('SHOW wal_segment_size')).toEqual([{ wal_segment_size: '1MB' }])
})

describe('a transaction', () => {
  test('does what is asked for at once in its order, and nothing else comes between', async () => {
    const order: unknown[] = []
    const transaction = database.transaction(async session => {
      const all = [5, 6, 7].map(async value => {
        await session.query('INSERT INTO numbers VALUES ($1)', [value])
        order.push(value)
      })
      await Promise.all(all)
      return await session.query('SELECT count(*)::int AS count FROM numbers')
    })
    const outside = count().then(found => order.push(`outside ${found}`))
    expect(await transaction).toEqual([{ count: 3 }])
    await outside
    expect(order).toEqual([5, 6, 7, 'outside 3'])
    await database.query('DELETE FROM numbers')
  })

  test('waits for what was asked outside, so that many at once hold up nobody for long', async () => {
    const order: string[] = []
    const transaction = async (name: string) => {
      await database.transaction(async session => await session.query('SELECT 1'))
      order.push(name)
    }
    const transactions = Promise.all(['first', 'second', 'third', 'fourth'].map(transaction))
    const outside = count().then(() => order.push('outside'))
    await Promise.all([transactions, outside])
    expect(order).toEqual(['first', 'outside', 'second', 'third', 'fourth'])
  })

  test('is undone by a throw, and by a statement that fails', async () => {
    const thrown = database.transaction(async session => {
      await session.query('INSERT INTO numbers VALUES (1)')
      throw new Error('changed my mind')
    })
    await expect(thrown).rejects.toThrow('changed my mind')
    const failing = database.transaction(async session => {
      await Promise.all([
        session.query('INSERT INTO numbers VALUES (2)'),
        session.query('INSERT INTO nowhere VALUES (3)'),
        session.query('INSERT INTO numbers VALUES (4)'),
      ])
    })
    await expect(failing).rejects.toThrow('nowhere')
    expect(await count()).toBe(0)
  })
})

test('a notification is heard by all who listen', async () => {
  const heard: string[] = []
  const both = new Promise<void>(resolve => {
    const hear = (payload: string) => {
      if (heard.push(payload) === 2) resolve()
    }
    void database
      .listen('news', hear)
      .then(() => database.listen('news', hear))
      .then(() => {
        return database.query('SELECT pg_notify($1, $2)', ['news', 'rain'])
      })
  })
  await both
  expect(heard).toEqual(['rain', 'rain'])
})

// Opening a database takes longer than all else here: the one that is open goes through these in turn.
describe('a folder', () => {
  test('whose thread dies fails whoever waits, and can be opened again', async () => {
    const posts = vi.spyOn(Worker.prototype, 'postMessage')
    await database.query('SELECT 1')
    const thread = posts.mock.contexts[0] as Worker
    posts.mockRestore()
    const waiting = database.query('SELECT count(*) FROM generate_series(1, 1000000000)')
    const refused = expect(waiting).rejects.toThrow('expected an open database, got one that has ended')
    await thread.terminate()
    await refused
    await expect(database.query('SELECT 1')).rejects.toThrow('Start the program again')
    await database.close()
    database = await EmbeddedDatabase.open(place)
    expect(await count()).toBe(0)
  }, 300_000)

  test('whose database is closed answers what was asked before, and no more', async () => {
    const last = database.query('SELECT 1 AS one')
    await database.close()
    expect(await last).toEqual([{ one: 1 }])
    await expect(database.query('SELECT 1')).rejects.toThrow(JobsError)
    await database.close()
  })

  test('that is damaged is refused, and not kept locked', async () => {
    const damaged = join(folder, 'damaged')
    await mkdir(join(damaged, 'postgres'), { recursive: true })
    await writeFile(join(damaged, 'postgres', 'PG_VERSION'), 'not a version')
    const opening = EmbeddedDatabase.open(damaged)
    await expect(opening).rejects.toThrow(/expected a folder of tasks.*Keep it as it is/)
    const lock = await lockFolder(damaged, 'tasks', () => {})
    await lock.release()
  }, 120_000)
})
