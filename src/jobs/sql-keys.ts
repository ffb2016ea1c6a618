import { randomUUID } from 'node:crypto'
import type { Database, Row } from './database.ts'
import { hashOf, type KeyStore, type NewApiKey, newSecret, sameHash } from './key-store.ts'
import type { ApiKey, KeyLimits } from './keys.ts'

const columns = 'id, name, created_at, revoked_at, limits, hash'

/** Keys in the database of a fleet. */
export class SqlKeys implements KeyStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async find(secret: string): Promise<ApiKey | undefined> {
    const hash = hashOf(secret)
    const rows = await this.#database.query(
      `SELECT ${columns} FROM framewright.keys WHERE hash = $1 AND revoked_at IS NULL`,
      [hash],
    )
    const row = rows.find(each => sameHash(each.hash as string, hash))
    return row && keyOf(row)
  }

  async any(): Promise<boolean> {
    const rows = await this.#database.query('SELECT 1 FROM framewright.keys WHERE revoked_at IS NULL LIMIT 1')
    return rows.length > 0
  }

  async create(name: string, limits: KeyLimits = {}): Promise<NewApiKey> {
    const secret = newSecret()
    const [row] = await this.#database.query(
      `INSERT INTO framewright.keys (id, name, hash, limits) VALUES ($1, $2, $3, $4::json) RETURNING ${columns}`,
      [randomUUID(), name, hashOf(secret), JSON.stringify(limits)],
    )
    return { ...keyOf(row!), secret }
  }

  async list(): Promise<readonly ApiKey[]> {
    return (
      await this.#database.query(`SELECT ${columns} FROM framewright.keys ORDER BY created_at, id`)
    ).map(keyOf)
  }

  async revoke(id: string): Promise<ApiKey | undefined> {
    const [row] = await this.#database.query(
      `UPDATE framewright.keys SET revoked_at = coalesce(revoked_at, now()) WHERE id::text = $1 RETURNING ${columns}`,
      [id],
    )
    return row && keyOf(row)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close()
  }
}

function keyOf(row: Row): ApiKey {
  const revoked = row.revoked_at as Date | null
  return {
    id: row.id as string,
    name: row.name as string,
    createdAt: (row.created_at as Date).toISOString(),
    ...(revoked && { revokedAt: revoked.toISOString() }),
    limits: row.limits as KeyLimits,
  }
}
