import { randomUUID } from 'node:crypto'
import { EventEmitter, on } from 'node:events'
import { JobsError } from '../../../src/errors.ts'
import type { CreatedTask, Jobs, ListTasks, QueueStats, TaskChange } from '../../../src/jobs/jobs.ts'
import type { ApiKey, Keys } from '../../../src/jobs/keys.ts'
import type { Storage } from '../../../src/jobs/storage.ts'
import { finalStates, type NewTask, noProgress, type TaskRecord } from '../../../src/jobs/task.ts'
import type { TaskRunner } from '../../../src/jobs/task-runner.ts'
import type { WebhookSender } from '../../../src/jobs/webhook-sender.ts'

/** The contract of tasks in memory: enough for the server's tests, and nothing survives. */
export class MemoryJobs implements Jobs {
  readonly tasks = new Map<string, TaskRecord>()
  /** Place and owner of each that there ever was. */
  readonly #places = new Map<string, { readonly place: number; readonly owner: string }>()
  readonly #changes = new EventEmitter().setMaxListeners(0)
  readonly #stops = new Map<string, AbortController>()
  readonly #idempotent = new Map<string, { id: string; fingerprint: string }>()
  readonly #runner: TaskRunner | undefined
  readonly #webhooks: WebhookSender | undefined
  readonly #storage: Storage
  #running = 0
  #closed = false

  constructor(parts: { storage: Storage; runner?: TaskRunner; webhooks?: WebhookSender }) {
    this.#storage = parts.storage
    this.#runner = parts.runner
    this.#webhooks = parts.webhooks
  }

  async create({
    id: wanted,
    idempotency,
    priority = 0,
    limits = {},
    ...task
  }: NewTask): Promise<CreatedTask> {
    const key = idempotency && `${task.owner} ${idempotency.key}`
    const before = key === undefined ? undefined : this.#idempotent.get(key)
    if (before) {
      const same = before.fingerprint === idempotency?.fingerprint
      return { task: this.tasks.get(before.id)!, outcome: same ? 'repeated' : 'conflict' }
    }
    const queued = [...this.tasks.values()].filter(({ state }) => state === 'queued').length
    const ofOwner = limits.active !== undefined && this.#active(task.owner).length >= limits.active
    if (ofOwner || (limits.queued !== undefined && queued >= limits.queued)) {
      const subject = ofOwner ? 'active tasks' : 'queue'
      throw new JobsError('jobs/limit', { subject, expected: 'fewer', got: 'one more' })
    }
    const id = wanted ?? randomUUID()
    const createdAt = new Date().toISOString()
    const record: TaskRecord = {
      ...task,
      id,
      priority,
      createdAt,
      state: 'queued',
      ahead: 0,
      attempt: 0,
      progress: noProgress,
    }
    if (key !== undefined) this.#idempotent.set(key, { id, fingerprint: idempotency!.fingerprint })
    this.#put(record)
    setImmediate(() => void this.#work())
    return { task: this.#seen(record), outcome: 'created' }
  }

  /** Takes tasks as they are, such as ones that are at an end. */
  restore(tasks: Iterable<TaskRecord>): void {
    for (const task of tasks) this.#put(task)
  }

  async markAnswered(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const task = this.tasks.get(id)
      if (task) this.tasks.set(id, { ...task, answered: true })
    }
  }

  async inputsInUse(): Promise<ReadonlySet<string>> {
    const active = [...this.tasks.values()].filter(({ state }) => !finalStates.includes(state))
    return new Set(
      active.flatMap(({ request }) => JSON.stringify(request).match(/inputs\/[a-z0-9-]+/g) ?? []),
    )
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    const task = this.tasks.get(id)
    return task && this.#seen(task)
  }

  async list({ owner, api, states, search, after, limit, order }: ListTasks): Promise<readonly TaskRecord[]> {
    const words = search && JSON.stringify(search).slice(1, -1).toLowerCase()
    const all = [...this.tasks.values()].filter(
      task =>
        task.owner === owner &&
        (api === undefined || task.api === api) &&
        (states?.includes(task.state) ?? true) &&
        (words === undefined || JSON.stringify(task.request).toLowerCase().includes(words)),
    )
    if (order === 'desc') all.reverse()
    const place = (id: string) => this.#places.get(id)!.place
    const from = after === undefined ? undefined : Number(after)
    const later = (id: string) =>
      from === undefined || (order === 'asc' ? place(id) > from : place(id) < from)
    return all.filter(({ id }) => later(id)).slice(0, limit)
  }

  async placeOf(owner: string, id: string): Promise<string | undefined> {
    const known = this.#places.get(id)
    return known?.owner === owner ? String(known.place) : undefined
  }

  async countActive(owner: string, but: readonly string[] = []): Promise<number> {
    return this.#active(owner).filter(({ id }) => !but.includes(id)).length
  }

  async cancel(id: string): Promise<TaskRecord | undefined> {
    const task = this.tasks.get(id)
    if (!task || finalStates.includes(task.state)) return task
    const cancelled = { ...task, state: 'cancelled', finishedAt: new Date().toISOString() } as const
    this.#put(cancelled)
    this.#stops.get(id)?.abort('cancelled')
    return cancelled
  }

  async remove(id: string): Promise<boolean> {
    await this.#storage.remove(`outputs/${id}`)
    const used = await this.inputsInUse()
    for (const key of JSON.stringify(this.tasks.get(id)?.request ?? {}).match(/inputs\/[a-z0-9-]+/g) ?? []) {
      if (!used.has(key)) await this.#storage.remove(key)
    }
    const owner = this.tasks.get(id)?.owner
    const removed = this.tasks.delete(id)
    if (owner !== undefined) this.#changes.emit(`of ${owner}`, { id })
    return removed
  }

  async *watchOwner(owner: string, signal: AbortSignal): AsyncIterable<TaskChange> {
    const changes = on(this.#changes, `of ${owner}`, { signal })
    yield* this.#active(owner).map(task => ({ id: task.id, task: this.#seen(task) }))
    try {
      for await (const [change] of changes as AsyncIterable<[TaskChange]>) yield change
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async *watch(id: string, signal: AbortSignal): AsyncIterable<TaskRecord> {
    const changes = on(this.#changes, id, { signal })
    const task = await this.get(id)
    if (!task) return
    yield task
    if (finalStates.includes(task.state)) return
    try {
      for await (const [changed] of changes as AsyncIterable<[TaskRecord]>) {
        yield changed
        if (finalStates.includes(changed.state)) return
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async stats(): Promise<QueueStats> {
    const queued = [...this.tasks.values()].filter(({ state }) => state === 'queued')
    return { queued: queued.length, running: this.#running, oldestSeconds: 0 }
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const stop of this.#stops.values()) stop.abort('drain')
    while (this.#running > 0) await new Promise(resolve => setTimeout(resolve, 10))
  }

  #seen(task: TaskRecord): TaskRecord {
    if (task.state !== 'queued') return task
    const queue = this.#queue()
    const running = [...this.tasks.values()].filter(({ state }) => state === 'running').length
    return { ...task, ahead: running + queue.findIndex(({ id }) => id === task.id) }
  }

  /** Those that wait, in the order in which they go. */
  #queue(): TaskRecord[] {
    const waiting = [...this.tasks.values()].filter(({ state }) => state === 'queued')
    return waiting.sort((a, b) => b.priority - a.priority)
  }

  #active(owner: string): TaskRecord[] {
    return [...this.tasks.values()].filter(task => task.owner === owner && !finalStates.includes(task.state))
  }

  #put(task: TaskRecord): void {
    if (!this.#places.has(task.id)) this.#places.set(task.id, { place: this.#places.size, owner: task.owner })
    this.tasks.set(task.id, task)
    this.#changes.emit(task.id, task)
    const moved = finalStates.includes(task.state) ? this.#active(task.owner) : []
    for (const each of [task, ...moved]) {
      this.#changes.emit(`of ${task.owner}`, { id: each.id, task: this.#seen(each) })
    }
  }

  async #work(): Promise<void> {
    const runner = this.#runner
    const [next] = this.#queue()
    if (!runner || !next || this.#closed || this.#running >= runner.lanes) return
    this.#running++
    const { id } = next
    const stop = new AbortController()
    this.#stops.set(id, stop)
    const attempt = next.attempt + 1
    const task = { ...next, state: 'running', attempt, startedAt: new Date().toISOString() } as const
    this.#put(task)
    const outcome = await runner.run({
      task,
      signal: stop.signal,
      report: progress => {
        const now = this.tasks.get(id)
        if (now?.state === 'running') this.#put({ ...now, progress })
      },
      checkpoint: `checkpoints/${id}.safetensors`,
    })
    this.#running--
    this.#stops.delete(id)
    const now = this.tasks.get(id)
    const finishedAt = new Date().toISOString()
    if (now?.state === 'running') {
      if (outcome.type === 'interrupted') this.#put({ ...now, state: 'queued' })
      if (outcome.type === 'succeeded')
        this.#put({ ...now, state: 'succeeded', result: outcome.result, finishedAt })
      if (outcome.type === 'failed')
        this.#put({ ...now, state: 'failed', failure: outcome.failure, finishedAt })
    }
    const ended = this.tasks.get(id)
    if (ended?.webhook) await this.#webhooks?.send(id, ended, new AbortController().signal).catch(() => {})
    await this.#work()
  }
}

/** Keys in memory, by their secrets. */
export class MemoryKeys implements Keys {
  readonly #keys: ReadonlyMap<string, ApiKey>

  constructor(secrets: Readonly<Record<string, Partial<ApiKey>>> = {}) {
    this.#keys = new Map(
      Object.entries(secrets).map(([secret, key]) => {
        const createdAt = new Date().toISOString()
        return [secret, { id: randomUUID(), name: secret, createdAt, limits: {}, ...key }]
      }),
    )
  }

  async find(secret: string): Promise<ApiKey | undefined> {
    return this.#keys.get(secret)
  }

  async any(): Promise<boolean> {
    return this.#keys.size > 0
  }
}
