import type { Feed, ResidentTensor, RunGraph, RunOptions, RunResult } from '../pipeline/family.ts'
import type { GraphRunner } from '../pipeline/graph-runner.ts'
import { type MemoryPlan, type Residency, residencies, shouldEvict } from '../pipeline/memory-plan.ts'
import { isOutOfMemory } from '../pipeline/within-memory.ts'
import type { Backend, Session } from '../runtime/backend.ts'
import { deviceText } from '../runtime/device.ts'
import { hostArrays, type StateArrays } from '../tensor/state-arrays.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { DeviceArrays } from './device-arrays.ts'
import type { GraphSource } from './graph-source.ts'
import { StateSessions } from './state-sessions.ts'

/** A run of a session that is opened when its turn comes. */
type SessionRun = [
  open: () => Promise<Session>,
  feeds: Readonly<Record<string, Feed>>,
  options: RunOptions | undefined,
]

/** Latent frames at a time where nothing else is asked for. */
const usualChunk = 4

/** One device's queue: the sessions that are open on it, and one generation at a time that uses them. */
export class Lane implements GraphRunner {
  readonly device: string
  readonly keyMultiple: number
  runForPrompt?: RunGraph | undefined
  readonly #backend: Backend
  readonly #source: GraphSource
  readonly #sessions = new Map<string, Promise<Session>>()
  #state: StateSessions | undefined
  readonly #residents = new Set<ResidentTensor>()
  #runningSeconds = 0
  #signal: AbortSignal | undefined
  /** The run before: what a run lets go must not be in use by another one. */
  #last: Promise<unknown> = Promise.resolve()
  #memory: MemoryPlan
  /** What is left to go over to when the memory runs out, from the largest on. */
  #smaller: readonly MemoryPlan[] = []

  constructor(backend: Backend, source: GraphSource, residency: Residency) {
    this.device = deviceText(backend.device)
    this.keyMultiple = backend.keyMultiple
    this.#backend = backend
    this.#source = source
    this.#memory = { residency, chunk: usualChunk, tile: undefined }
  }

  get runningSeconds(): number {
    return this.#runningSeconds
  }

  get memory(): MemoryPlan {
    return this.#memory
  }

  /** Names of the graphs whose sessions are open. */
  get open(): readonly string[] {
    return [...this.#sessions.keys()]
  }

  /** Sets how the memory is used from now on, and what to go over to when it runs out. */
  applyMemoryPlan(plan: MemoryPlan, smaller: readonly MemoryPlan[]): void {
    this.#memory = plan
    this.#smaller = smaller
  }

  /** Ends what runs from now on when the signal aborts, in the middle of a run where the backend can. */
  setAbortSignal(signal: AbortSignal): void {
    this.#signal = signal
  }

  /**
   * Runs a graph. Where the memory does not suffice everything is let go, the session with what it has gathered too, and
   * the same run is tried once more: what it is fed is still there.
   */
  readonly run: RunGraph = async (graph, feeds, options) => {
    const { files, recipe } = this.#source
    try {
      const running = this.#inTurn(() => this.#session(graph), feeds, options)
      const result = await running.finally(() => files.afterRun(recipe(graph).component))
      await this.assertFinite(graph, result.tensors)
      return result
    } catch (error) {
      files.assertUnchangedInRuns()
      throw error
    }
  }

  async assertFinite(graph: string, tensors: Readonly<Record<string, Tensor>>): Promise<void> {
    await this.#source.files.assertFiniteResults(tensors, this.#source.recipe(graph))
  }

  openArrays(shape: readonly number[]): StateArrays<unknown> {
    if (!this.#backend.keepsState) return hostArrays(shape)
    this.#state ??= new StateSessions(this.#backend)
    const state = this.#state
    return new DeviceArrays(shape, {
      run: (op, rank, feeds, options) => this.#inTurn(() => state.open(op, rank), feeds, options),
      drop: residents => this.drop(residents),
    })
  }

  async #inTurn(...run: SessionRun): Promise<RunResult> {
    const result = this.#last.then(() => this.#runWithin(...run))
    this.#last = result.catch(() => {})
    return await result
  }

  async #runWithin(...run: SessionRun): Promise<RunResult> {
    const alone = this.#sessions.size === 0
    try {
      return await this.#run(...run)
    } catch (error) {
      if (alone || !isOutOfMemory(error)) throw error
      await this.#releaseWhere(() => true)
      this.#memory = { ...this.#memory, residency: below(this.#memory.residency) }
      return await this.#run(...run)
    }
  }

  async shrink(): Promise<boolean> {
    const { chunk, tile } = this.#memory
    const next = this.#smaller.findIndex(plan => plan.chunk !== chunk || plan.tile !== tile)
    const plan = this.#smaller[next]
    if (plan === undefined) return false
    this.applyMemoryPlan(plan, this.#smaller.slice(next + 1))
    await this.#releaseWhere(() => true)
    return true
  }

  async #run(...[open, feeds, options]: SessionRun): Promise<RunResult> {
    const session = await open()
    const started = performance.now()
    try {
      const result = await session.run(feeds, { ...options, signal: this.#signal })
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

  /** Frees the sessions that the plan does not keep beside a graph. */
  async makeRoom(graph: string): Promise<void> {
    const running = this.#source.recipe(graph)
    await this.#releaseWhere(name => shouldEvict(this.#memory.residency, running, this.#source.recipe(name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#releaseWhere(() => true)
    await this.#state?.[Symbol.asyncDispose]()
    await this.#backend[Symbol.asyncDispose]()
  }

  async #session(graph: string): Promise<Session> {
    const open = this.#sessions.get(graph)
    if (open) {
      this.#source.files.beforeRun(this.#source.recipe(graph).component)
      return await open
    }
    await this.makeRoom(graph)
    const opening = this.#open(graph)
    this.#sessions.set(graph, opening)
    opening.catch(() => this.#sessions.delete(graph))
    return await opening
  }

  async #open(graph: string): Promise<Session> {
    const model = await this.#source.load(graph, this.#backend)
    try {
      return await this.#backend.open(model)
    } catch (error) {
      await this.#source.files.beforeOpening(this.#source.recipe(graph).component)
      throw error
    }
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

/** The next residency that keeps less. */
function below(residency: Residency): Residency {
  return residencies[residencies.indexOf(residency) + 1] ?? residency
}
