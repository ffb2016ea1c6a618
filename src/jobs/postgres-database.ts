import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { JobsError, messageOf } from '../errors.ts'
import type { Database, Row, Session, TransactionOptions } from './database.ts'

/** Of what a deadlock or a conflict has undone, and passes when it is run again. */
const tries = 5
const passes = (error: unknown) => ['40P01', '40001'].includes(String((error as { code?: unknown }).code))

/** For a connection, or the answer to a statement: after that the server hangs, or the way to it. */
const answerMs = 10_000

const isTimeout = (error: unknown) => /query read timeout/i.test(messageOf(error))

/**
 * As the system, PostgreSQL (connections, resources, an operator's intervention, starting up, read only after a failover) and
 * node-postgres say it.
 */
function isOutage(error: unknown): boolean {
  const { code = '', message = '' } = error as { readonly code?: unknown; readonly message?: string }
  if (/^(08|53|57P|58|25006)/.test(String(code))) return true
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(String(code))) return true
  return /connection terminated|query read timeout|timeout exceeded when trying to connect|connection error|not queryable/i.test(
    message,
  )
}

/** A PostgreSQL server. */
export class PostgresDatabase implements Database {
  readonly embedded = false
  readonly #pool: pg.Pool
  readonly #address: string
  readonly #onError: (error: Error) => void
  #listener: pg.Client | undefined
  #closed = false

  private constructor(address: string, onError: (error: Error) => void) {
    this.#address = address
    this.#onError = onError
    this.#pool = new pg.Pool({ connectionString: address, max: 8, connectionTimeoutMillis: answerMs })
    this.#pool.on('error', onError)
  }

  /** @throws JobsError when the server cannot be reached */
  static async open(address: string, onError: (error: Error) => void): Promise<PostgresDatabase> {
    const database = new PostgresDatabase(address, onError)
    try {
      await database.#pool.query('SELECT 1')
    } catch (error) {
      await database.close()
      throw new JobsError(
        'jobs/database',
        {
          subject: `database ${withoutPassword(address)}`,
          expected: 'a PostgreSQL server that lets us in',
          got: (error as Error).message || String((error as NodeJS.ErrnoException).code),
          advice: 'Check that it runs, and the address: postgres://user:password@host:port/database.',
        },
        { cause: error },
      )
    }
    return database
  }

  async query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await rowsOf(this.#pool, { text, values, query_timeout: answerMs })
      } catch (error) {
        if (attempt >= tries || !passes(error)) throw this.#told(error)
      }
    }
  }

  async transaction<T>(
    work: (session: Session) => Promise<T>,
    { patient = false }: TransactionOptions = {},
  ): Promise<T> {
    const timeout = patient ? {} : { query_timeout: answerMs }
    for (let attempt = 1; ; attempt++) {
      const client = await this.#pool.connect().catch(error => {
        throw this.#told(error)
      })
      let broken: Error | undefined
      let last: Promise<unknown> = Promise.resolve()
      const query: Session['query'] = (text, values) => {
        const rows = last.then(() => rowsOf(client, { text, values, ...timeout }))
        last = rows.catch(() => {})
        return rows
      }
      try {
        await rowsOf(client, { text: 'BEGIN', ...timeout })
        const result = await work({ query })
        await rowsOf(client, { text: 'COMMIT', ...timeout })
        return result
      } catch (error) {
        await last
        // A connection that does not answer is closed, which undoes what it did.
        if (isTimeout(error)) broken = error as Error
        else {
          await rowsOf(client, { text: 'ROLLBACK', ...timeout }).catch(failure => {
            broken = failure as Error
          })
        }
        if (attempt >= tries || !passes(error)) throw this.#told(error)
      } finally {
        client.release(broken)
      }
    }
  }

  async listen(channel: string, onMessage: (payload: string) => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#address,
      keepAlive: true,
      connectionTimeoutMillis: answerMs,
    })
    client.on('notification', ({ payload }) => onMessage(payload ?? ''))
    client.on('error', error => this.#onError(error))
    client.on('end', () => void this.#listenAgain(channel, onMessage))
    await client.connect()
    await client.query(`LISTEN ${channel}`)
    this.#listener = client
    if (this.#closed) await client.end()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#listener?.end().catch(() => {})
    await this.#pool.end()
  }

  /** An error that passes when the server is there again, as such; others as they are. */
  #told(error: unknown): unknown {
    if (!isOutage(error)) return error
    return new JobsError(
      'jobs/database',
      {
        subject: `database ${withoutPassword(this.#address)}`,
        expected: 'a PostgreSQL server that answers',
        got: messageOf(error),
        advice: 'Check that it runs, and that its disk has room.',
      },
      { cause: error },
    )
  }

  async #listenAgain(channel: string, onMessage: (payload: string) => void): Promise<void> {
    await wait(1000, undefined, { ref: false })
    if (this.#closed) return
    await this.listen(channel, onMessage).catch(error => this.#onError(error as Error))
  }
}

/** A statement as node-postgres takes it; its types lack the time that the answer may take, in milliseconds. */
interface Statement {
  readonly text: string
  readonly values?: readonly unknown[] | undefined
  readonly query_timeout?: number
}

async function rowsOf(
  client: Pick<pg.Pool, 'query'> | pg.PoolClient,
  { values, ...statement }: Statement,
): Promise<readonly Row[]> {
  const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query({
    ...statement,
    ...(values && values.length > 0 && { values: [...values] }),
  })
  return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? []
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//…@')
}
