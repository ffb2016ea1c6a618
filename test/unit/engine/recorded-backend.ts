import type { Backend, GraphModel, Session } from '../../../src/runtime/backend.ts'
import type { OnnxRuntimeOptions } from '../../../src/runtime/onnxruntime-backend.ts'
import type { Feed, ResidentTensor } from '../../../src/tensor/resident.ts'
import { KeptBackend } from '../../kept-backend.ts'

/** A real backend whose use can be looked at. */
export class RecordedBackend implements Backend {
  readonly keepsState = false
  readonly name = 'recorded'
  readonly device: Backend['device']
  readonly kernels: Backend['kernels']
  readonly residentsInPlace: boolean
  keyMultiple: number
  /** What was asked of it, in order: `open vae-decoder-first`, `run transformer`, `release context`. */
  readonly log: string[] = []
  /** Ids of the tensors that are resident. */
  readonly residents = new Set<number>()
  /** The most of them that one run left. */
  mostKept = 0
  /** Called before a run, with the graph's name and what it is fed; the run begins when it is done. */
  onRun: (graph: string, feeds: Readonly<Record<string, Feed>>) => void | Promise<void> = () => {}
  disposed = false
  readonly #backend: KeptBackend

  constructor(options: OnnxRuntimeOptions) {
    this.#backend = new KeptBackend(options)
    this.device = this.#backend.device
    this.kernels = this.#backend.kernels
    this.residentsInPlace = this.#backend.residentsInPlace
    this.keyMultiple = this.#backend.keyMultiple
  }

  /** How often a graph ran. */
  runs(graph: string): number {
    return this.log.filter(entry => entry === `run ${graph}`).length
  }

  async open(model: GraphModel): Promise<Session> {
    this.log.push(`open ${model.name}`)
    const session = await this.#backend.open(model)
    return {
      name: session.name,
      run: async (feeds, options) => {
        this.log.push(`run ${model.name}`)
        await this.onRun(model.name, feeds)
        const result = await session.run(feeds, options)
        const kept = Object.values(result.residents)
        for (const { id } of kept) this.residents.add(id)
        this.mostKept = Math.max(this.mostKept, kept.length)
        return result
      },
      release: async () => {
        this.log.push(`release ${model.name}`)
        await session.release()
      },
    }
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const all = [...residents]
    for (const { id } of all) this.residents.delete(id)
    await this.#backend.drop(all)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true
    await this.#backend[Symbol.asyncDispose]()
  }
}
