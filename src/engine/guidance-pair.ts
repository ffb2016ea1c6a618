import type { Feed, ResidentTensor, RunGraph } from '../pipeline/family.ts'
import type { GraphRunner } from '../pipeline/graph-runner.ts'
import type { MemoryPlan } from '../pipeline/memory-plan.ts'
import { together } from '../pipeline/velocity.ts'
import { isResident } from '../tensor/resident.ts'
import { hostArrays } from '../tensor/state-arrays.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { GraphSource } from './graph-source.ts'
import type { Lane } from './lane.ts'

/**
 * Two lanes that make one video: the first encodes, runs the conditional pass of every step and decodes; the second runs
 * the unconditional pass meanwhile; further passes are shared out likewise. What the transformer keeps of a prompt or a
 * picture is made on both, so that neither has to ask the other for it.
 */
export class GuidancePair implements GraphRunner {
  readonly device: string
  readonly keyMultiple: number
  runForPrompt?: RunGraph | undefined
  readonly #first: Lane
  readonly #second: Lane
  readonly #source: GraphSource
  /** What the second lane has in the place of a resident of the first one. */
  readonly #twins = new Map<ResidentTensor, ResidentTensor>()

  constructor(first: Lane, second: Lane, source: GraphSource) {
    this.device = `${first.device},${second.device}`
    this.keyMultiple = first.keyMultiple
    this.#first = first
    this.#second = second
    this.#source = source
  }

  get runningSeconds(): number {
    return this.#first.runningSeconds
  }

  get memory(): MemoryPlan {
    return this.#first.memory
  }

  get open(): readonly string[] {
    return [...this.#first.open, ...this.#second.open]
  }

  applyMemoryPlan(plan: MemoryPlan, smaller: readonly MemoryPlan[]): void {
    this.#first.applyMemoryPlan(plan, smaller)
    this.#second.applyMemoryPlan(plan, smaller)
  }

  setAbortSignal(signal: AbortSignal): void {
    this.#first.setAbortSignal(signal)
    this.#second.setAbortSignal(signal)
  }

  shrink(): Promise<boolean> {
    return this.#first.shrink()
  }

  readonly run: RunGraph = async (graph, feeds, options) => {
    const { role } = this.#source.recipe(graph)
    if (role !== 'transformer') await this.#second.makeRoom(graph)
    if (role !== 'transformer' || !options?.keep) return await this.#first.run(graph, feeds, options)
    const [result, twin] = await together([
      this.#first.run(graph, feeds, options),
      this.#second.run(graph, this.#asTwins(feeds), options),
    ])
    for (const [name, resident] of Object.entries(result!.residents)) {
      this.#twins.set(resident, twin!.residents[name]!)
    }
    return result!
  }

  readonly runBeside: RunGraph = async (graph, feeds, options) => {
    return await this.#second.run(graph, this.#asTwins(feeds), options)
  }

  async assertFinite(graph: string, tensors: Readonly<Record<string, Tensor>>): Promise<void> {
    await this.#first.assertFinite(graph, tensors)
  }

  /** Both lanes read the latents where they are. */
  openArrays(shape: readonly number[]) {
    return hostArrays(shape, { shared: true })
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const dropped = [...residents]
    const twins = dropped.flatMap(resident => this.#twins.get(resident) ?? [])
    for (const resident of dropped) this.#twins.delete(resident)
    await Promise.all([this.#first.drop(dropped), this.#second.drop(twins)])
  }

  async dropAll(): Promise<void> {
    this.#twins.clear()
    await Promise.all([this.#first.dropAll(), this.#second.dropAll()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#first[Symbol.asyncDispose](), this.#second[Symbol.asyncDispose]()])
  }

  #asTwins(feeds: Readonly<Record<string, Feed>>): Record<string, Feed> {
    const entries = Object.entries(feeds).map(([name, feed]) => {
      return [name, isResident(feed) ? (this.#twins.get(feed) ?? feed) : feed] as const
    })
    return Object.fromEntries(entries)
  }
}
