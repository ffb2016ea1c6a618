import type { Backend, Session } from '../runtime/backend.ts'
import { stateModel } from './state-graphs.ts'

/** Sessions of the graphs that compute on the state of a run: they have no weights, and stay. */
export class StateSessions implements AsyncDisposable {
  readonly #backend: Backend
  readonly #sessions = new Map<string, Promise<Session>>()

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** @param rank axes of the arrays */
  async open(op: string, rank: number): Promise<Session> {
    const name = `${op} ${rank}`
    const open = this.#sessions.get(name) ?? this.#backend.open(stateModel(op, rank))
    this.#sessions.set(name, open)
    open.catch(() => this.#sessions.delete(name))
    return await open
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#sessions.values()].map(async session => (await session).release()))
  }
}
