import type { Database } from '../../../src/jobs/database.ts'

/**
 * One open database under the stores of all tests, of which each closes its own: opening one takes longer than most of
 * what is done to it.
 */
export class KeptDatabase {
  readonly #database: Database
  readonly #listeners = new Map<string, Set<(payload: string) => void>>()

  constructor(database: Database) {
    this.#database = database
  }

  /** A database whose closing ends what it listens to, and nothing else. */
  open(): Database {
    const ends: (() => void)[] = []
    return {
      embedded: this.#database.embedded,
      query: (text, values) => this.#database.query(text, values),
      transaction: (work, options) => this.#database.transaction(work, options),
      listen: async (channel, onMessage) => {
        const listeners = await this.#listenersOf(channel)
        listeners.add(onMessage)
        ends.push(() => listeners.delete(onMessage))
      },
      close: async () => {
        for (const end of ends) end()
      },
    }
  }

  async #listenersOf(channel: string): Promise<Set<(payload: string) => void>> {
    const known = this.#listeners.get(channel)
    if (known) return known
    const listeners = new Set<(payload: string) => void>()
    this.#listeners.set(channel, listeners)
    await this.#database.listen(channel, payload => {
      for (const each of listeners) each(payload)
    })
    return listeners
  }
}
