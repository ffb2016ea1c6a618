import { BackendError } from '../errors.ts'
import { type Feed, isResident, type ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Backend, GraphModel, OpenOptions, RunOptions, RunResult, Session } from './backend.ts'
import { type Device, keyMultipleOn } from './device.ts'
import { LaneThread } from './lane-thread.ts'
import type { OpenMessage, OpenReply, RunMessage } from './lane-worker.ts'
import { checkCommandLine, checkInputs, sessionConfig } from './session-config.ts'
import { openError, runError } from './session-failure.ts'

export interface OnnxRuntimeOptions {
  readonly device: Device
  /** Threads of a run on a CPU; 0 for one per core. */
  readonly threads: number
}

/** One lane: a worker thread with onnxruntime-node in it, which takes one message after the other, in their order. */
export class OnnxRuntimeBackend implements Backend {
  readonly name = 'onnxruntime-node'
  readonly keepsState = false
  readonly device: Device
  readonly keyMultiple: number
  readonly kernels: ReadonlySet<string> = new Set()
  readonly residentsInPlace: boolean
  readonly #threads: number
  readonly #thread = new LaneThread()
  readonly #residents = new WeakSet<ResidentTensor>()
  #disposed = false

  constructor({ device, threads }: OnnxRuntimeOptions) {
    this.device = device
    this.keyMultiple = keyMultipleOn(device)
    this.residentsInPlace = device.type === 'cpu' // Kept results are in the memory of the host.
    this.#threads = threads
  }

  async open(model: GraphModel, options: OpenOptions = {}): Promise<Session> {
    this.#checkOpen(model.name)
    checkCommandLine()
    const config = sessionConfig(model, this.device, this.#threads, options)
    const opened = await this.#thread
      .send<OpenMessage, OpenReply>('open', { bytes: model.bytes, config })
      .catch(cause => {
        throw openError(model.name, this.device, cause)
      })
    return this.#session(model.name, opened)
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const ids = [...residents].map(resident => resident.id)
    if (ids.length > 0 && !this.#disposed) await this.#thread.send('drop', ids)
  }

  /** Waits for the runs that were asked for: a thread that is ended inside one takes the process with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#thread[Symbol.asyncDispose]()
  }

  #session(name: string, { id, inputs, outputs }: OpenReply): Session {
    let open = true
    return {
      name,
      run: async (feeds, { fetch, keep = () => false }: RunOptions = {}) => {
        this.#checkOpen(name)
        checkInputs(name, inputs, feeds)
        const fed = inputs.map(input => this.#fed(name, input, feeds[input]!))
        const message = { session: id, feeds: fed, fetch, keep: (fetch ?? outputs).filter(keep) }
        const result = await this.#thread.send<RunMessage, RunResult>('run', message).catch(cause => {
          throw runError(name, cause)
        })
        for (const resident of Object.values(result.residents)) this.#residents.add(resident)
        return result
      },
      release: async () => {
        if (!open || this.#disposed) return
        open = false
        await this.#thread.send('release', id)
      },
    }
  }

  #checkOpen(name: string): void {
    if (!this.#disposed) return
    throw new BackendError('runtime/session', {
      subject: name,
      expected: 'an open backend',
      got: 'a disposed one',
    })
  }

  /** A resident is sent by its number. Every lane has its own: one of another could be that of a different tensor here. */
  #fed(name: string, input: string, feed: Feed): Tensor | number {
    if (!isResident(feed)) return feed
    if (this.#residents.has(feed)) return feed.id
    throw new BackendError('runtime/session', {
      subject: name,
      expected: 'resident tensors of its own backend',
      got: `one of another as ${input}`,
    })
  }
}
