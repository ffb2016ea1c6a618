import { randomUUID } from 'node:crypto'
import type { Database } from './database.ts'
import { announcedWebhook } from './task-changes.ts'
import { waitIsOver } from './task-rows.ts'

/** A webhook that is to be sent, and who is told by it. */
export interface DueWebhook {
  /** The same in every try. */
  readonly id: string
  readonly task: string
  readonly owner: string
}

const mostTries = 13
/** Longer than a sender takes: the webhook of one that is gone is sent by another then. */
const sendSeconds = 120

/**
 * The part of a statement that puts the webhooks of the rows `ended` (id, owner, webhook) into the queue.
 * @param id the number of the parameter that is the webhook's id
 */
export const putWebhooks = (id: number) => `
  told AS (
    INSERT INTO framewright.webhooks (id, task, owner)
    SELECT $${id}::uuid, id, owner FROM ended WHERE webhook IS NOT NULL RETURNING id
  ), heard AS (SELECT ${announcedWebhook} FROM told)`

/** The webhooks that wait. */
export class WebhookQueue {
  readonly #database: Database
  readonly #sender = randomUUID()

  constructor(database: Database) {
    this.#database = database
  }

  /** Gives those back at once that a process was sending which is gone: nobody else has an embedded database. */
  async recover(): Promise<void> {
    await this.#database.query(
      'UPDATE framewright.webhooks SET sender = NULL, wait_until = NULL WHERE sender IS NOT NULL AND NOT given_up',
    )
  }

  /**
   * Takes the one that goes first: what failed before goes last, for a receiver that does not answer to hold up no other.
   * @param busy owners that have to wait, since enough of theirs are being sent
   */
  async take(busy: readonly string[]): Promise<DueWebhook | undefined> {
    const [taken] = await this.#database.query(
      `WITH next AS MATERIALIZED (
         SELECT id FROM framewright.webhooks w
         WHERE NOT given_up AND ${waitIsOver('w')} AND owner <> ALL ($1::text[])
         ORDER BY tries, seq LIMIT 1 FOR UPDATE SKIP LOCKED
       )
       UPDATE framewright.webhooks w
       SET tries = tries + 1, sender = $2, wait_from = clock_timestamp(),
         wait_until = clock_timestamp() + $3 * interval '1 second'
       FROM next WHERE w.id = next.id RETURNING w.id, w.task, w.owner`,
      [busy, this.#sender, sendSeconds],
    )
    return taken as DueWebhook | undefined
  }

  async sent(id: string): Promise<void> {
    await this.#database.query('DELETE FROM framewright.webhooks WHERE id = $1', [id])
  }

  /** To be sent again after 5 s, doubled each time; given up at last, and kept as long as its task. */
  async failed(id: string, error: Error): Promise<void> {
    await this.#database.query(
      `UPDATE framewright.webhooks
       SET sender = NULL, error = $2, given_up = tries >= $3, wait_from = clock_timestamp(),
         wait_until = clock_timestamp() + 5 * 2 ^ (tries - 1) * interval '1 second'
       WHERE id = $1`,
      [id, error.message.replaceAll('\0', ''), mostTries],
    )
  }

  /** Takes back the try of one that was not sent because this process ends. */
  async giveBack(id: string): Promise<void> {
    await this.#database.query(
      'UPDATE framewright.webhooks SET sender = NULL, wait_until = NULL, tries = tries - 1 WHERE id = $1',
      [id],
    )
  }
}
