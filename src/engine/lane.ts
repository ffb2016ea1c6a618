import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { BackendError } from '../errors.ts'
import type { ResidentTensor, RunGraph } from '../pipeline/family.ts'
import type { GraphRunner } from '../pipeline/graph-runner.ts'
import { type Backend, deviceText, type GraphModel, type Session } from '../runtime/backend.ts'
import { needsPrivateCopy } from '../runtime/session-config.ts'
import type { GraphSource } from './graph-source.ts'

/** Whether components stay loaded after use, or make room for the next one. */
export type Residency = 'keep' | 'release'

/** One device's queue: the sessions that are open on it, and one generation at a time that uses them. */
export class Lane implements GraphRunner {
  readonly device: string
  readonly #backend: Backend
  readonly #source: GraphSource
  readonly #residency: Residency
  readonly #sessions = new Map<string, Promise<Session>>()
  readonly #residents = new Set<ResidentTensor>()
  #runningSeconds = 0

  constructor(backend: Backend, source: GraphSource, residency: Residency) {
    this.device = deviceText(backend.device)
    this.#backend = backend
    this.#source = source
    this.#residency = residency
  }

  get runningSeconds(): number {
    return this.#runningSeconds
  }

  readonly run: RunGraph = async (graph, feeds, options) => {
    const session = await this.#session(graph)
    const started = performance.now()
    try {
      const result = await session.run(feeds, options)
      for (const resident of Object.values(result.residents)) this.#residents.add(resident)
      return result
    } finally {
      this.#runningSeconds += (performance.now() - started) / 1000
    }
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const dropped = [...residents]
    for (const resident of dropped) this.#residents.delete(resident)
    await this.#backend.drop(dropped)
  }

  /** Frees what a generation that ended early has left on the device. */
  async dropAll(): Promise<void> {
    await this.drop(this.#residents)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#releaseWhere(() => true)
    await this.#backend[Symbol.asyncDispose]()
  }

  async #session(graph: string): Promise<Session> {
    const open = this.#sessions.get(graph)
    if (open) return await open
    if (this.#residency === 'release') await this.#releaseOthers(graph)
    const opening = this.#open(graph)
    this.#sessions.set(graph, opening)
    opening.catch(() => this.#sessions.delete(graph))
    return await opening
  }

  async #open(graph: string): Promise<Session> {
    const model = await this.#source.load(graph)
    if (this.#backend.device.type === 'cpu') checkMemory(model)
    return await this.#backend.open(model)
  }

  /** Frees the sessions of every other component. */
  async #releaseOthers(graph: string): Promise<void> {
    const { component } = this.#source.recipe(graph)
    await this.#releaseWhere(name => this.#source.recipe(name).component !== component)
  }

  async #releaseWhere(matches: (graph: string) => boolean): Promise<void> {
    for (const [name, session] of [...this.#sessions]) {
      if (!matches(name)) continue
      this.#sessions.delete(name)
      await session.then(
        each => each.release(),
        () => {},
      )
    }
  }
}

/** Weights that are copied on loading must fit: a machine that swaps them never ends. */
function checkMemory(model: GraphModel): void {
  if (!needsPrivateCopy(model)) return
  const available = availableBytes()
  // Stored in 16 bits they double; and packing them holds two copies for a moment.
  const needed = 4 * model.weightBytes
  if (needed <= available) return
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  throw new BackendError('runtime/memory', {
    subject: model.name,
    expected: `${gib(needed)} of free memory to load its weights`,
    got: gib(available),
    advice: 'Free memory, or use --residency release.',
  })
}

/** What the machine has free, or what a container's limit leaves of it. */
function availableBytes(): number {
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(machineBytes(), limit - process.memoryUsage.rss())
}

function machineBytes(): number {
  try {
    const [, kib] = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return kib ? Number(kib) * 1024 : freemem()
  } catch {
    return freemem()
  }
}
