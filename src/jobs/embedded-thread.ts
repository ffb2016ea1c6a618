/**
 * The thread that PGlite runs in: it computes where it is called, and a statement of a few milliseconds would hold up
 * every request of a server beside it. Each message is answered once, in any order.
 */
import { access, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { PGlite, Results, Transaction } from '@electric-sql/pglite'
import type { Row } from './database.ts'

export type ThreadRequest =
  /** In the transaction of that number, or outside of any. */
  | {
      readonly kind: 'query'
      readonly text: string
      readonly values?: readonly unknown[]
      readonly in?: number
    }
  /** Transactions follow each other; the queries in one may be sent at once. */
  | { readonly kind: 'begin'; readonly transaction: number }
  | { readonly kind: 'end'; readonly transaction: number; readonly commit: boolean }
  | { readonly kind: 'listen'; readonly channel: string }
  | { readonly kind: 'close' }

export type ThreadMessage =
  | { readonly kind: 'open' }
  /** Its text is for people. */
  | { readonly kind: 'not open'; readonly error: string }
  | { readonly kind: 'done'; readonly id: number; readonly rows: readonly Row[] }
  /** `fields` are those that PostgreSQL names: `code`, `constraint`, … */
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly fields: Row }
  | { readonly kind: 'notified'; readonly channel: string; readonly payload: string }

interface OpenTransaction {
  readonly session: Transaction
  /** Resolves, or rejects, when the database is free again. */
  readonly whole: Promise<void>
  end(commit: boolean): Promise<void>
}

/** Tasks are small. PGlite clears these at each start, which with its 128 MB takes half of the time to open. */
const sharedBuffers = '16MB'

/** The log of a new database begins with a segment of 1 MB, and not of 16, all of which are written when it is made. */
const initialise = ['--wal-segsize=1']

const port = parentPort!
const transactions = new Map<number, Promise<OpenTransaction>>()
const undone = Symbol('undone')
/** When the last transaction is over. */
let over: Promise<unknown> = Promise.resolve()

const send = (message: ThreadMessage) => port.postMessage(message)

try {
  const pglite = await openFolder(workerData as string)
  port.on('message', ({ id, request }: { id: number; request: ThreadRequest }) => {
    answer(pglite, request).then(
      rows => send({ kind: 'done', id, rows }),
      error =>
        send({ kind: 'failed', id, message: String(error?.message ?? error), fields: fieldsOf(error) }),
    )
  })
  send({ kind: 'open' })
} catch (error) {
  send({ kind: 'not open', error: (error as Error).message ?? String(error) })
}

/** A new database is made beside its place and moved there, so that one that is half made is never opened. */
async function openFolder(folder: string): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  const options = {
    startParams: [...PGlite.defaultStartParams, '-c', `shared_buffers=${sharedBuffers}`],
    initDbStartParams: initialise,
  }
  const place = join(folder, 'postgres')
  const made = join(folder, 'postgres.new')
  await rm(made, { recursive: true, force: true })
  if (!(await isThere(join(place, 'PG_VERSION')))) {
    const fresh = await PGlite.create(made, options)
    await fresh.close()
    await rename(made, place)
  }
  return await PGlite.create(place, options)
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

async function answer(pglite: PGlite, request: ThreadRequest): Promise<readonly Row[]> {
  switch (request.kind) {
    case 'query': {
      const session = request.in === undefined ? pglite : (await openTransaction(request.in)).session
      return await rowsOf(session, request.text, request.values)
    }
    case 'begin': {
      // PGlite takes turns in order of arrival: a transaction asks for its turn when the one before is over, so that
      // what is asked outside of them waits for one of them, and not for all that came at once.
      const open = over.then(() => begin(pglite))
      over = open.then(({ whole }) => whole).catch(() => {})
      transactions.set(request.transaction, open)
      await open
      return []
    }
    case 'end': {
      const open = openTransaction(request.transaction)
      transactions.delete(request.transaction)
      await (await open).end(request.commit)
      return []
    }
    case 'listen':
      await pglite.listen(request.channel, payload => {
        send({ kind: 'notified', channel: request.channel, payload })
      })
      return []
    case 'close':
      await pglite.close()
      return []
  }
}

async function openTransaction(id: number): Promise<OpenTransaction> {
  const open = transactions.get(id)
  if (!open) throw new Error(`transaction ${id} is not open`)
  return await open
}

async function begin(pglite: PGlite): Promise<OpenTransaction> {
  return await new Promise((resolve, reject) => {
    const whole = pglite.transaction(session => {
      return new Promise<void>((commit, undo) => {
        const end = async (committed: boolean) => {
          if (committed) commit()
          else undo(undone)
          await whole.catch(error => {
            if (error !== undone) throw error
          })
        }
        resolve({ session, whole, end })
      })
    })
    whole.catch(reject) // when it cannot begin; later it is `end` that tells
  })
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

/** What of an error can be sent to another thread. */
function fieldsOf(error: unknown): Row {
  if (typeof error !== 'object' || error === null) return {}
  return Object.fromEntries(
    Object.entries(error).filter(([name, value]) => name !== 'message' && typeof value === 'string'),
  )
}
