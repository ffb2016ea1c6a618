import { mkdir } from 'node:fs/promises'
import { BackendError, CancelledError } from '../errors.ts'
import { dtypeOfOnnx, onnxDType } from '../graph/onnx-dtype.ts'
import type { DType } from '../tensor/dtype.ts'
import { type Feed, isResident, type ResidentTensor } from '../tensor/resident.ts'
import type { HostArrays, Tensor } from '../tensor/tensor.ts'
import type { Backend, GraphModel, RunOptions, RunResult, Session } from './backend.ts'
import { type Device, keyMultipleOn } from './device.ts'
import {
  type BoundFeed,
  type LaneHandle,
  loadNativeBinding,
  type NativeBinding,
  type ResidentHandle,
  type RunAnswer,
  type SessionHandle,
} from './native-binding.ts'
import { type NativeOpenOptions, type NativeOptions, openConfig } from './native-config.ts'
import { checkCommandLine, checkInputs } from './session-config.ts'
import { openError, runError } from './session-failure.ts'
import { sessionPerShape } from './session-per-shape.ts'
import { engineFolder, type InputShapes } from './tensorrt-options.ts'

export interface NativeRunOptions extends RunOptions {
  /** Config entries of the run, by their whole key. */
  readonly config?: Readonly<Record<string, string>>
}

export interface NativeSession extends Session {
  /**
   * Feeds are read where they are: until the promise settles they must be neither changed nor transferred.
   * @throws CancelledError when the signal ends it
   */
  run(feeds: Readonly<Record<string, Feed>>, options?: NativeRunOptions): Promise<RunResult>
}

interface OpenSession {
  readonly name: string
  readonly handle: SessionHandle
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Inputs that are the same in every run: weights that were cast when it was opened. */
  readonly weights: Readonly<Record<string, ResidentTensor>>
}

/**
 * Sessions on ONNX Runtime's C API, through the addon in kernels/addon. Runs follow each other on one thread of the
 * addon; kept results stay in the device's memory and are fed to other sessions without a copy.
 */
export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly keepsState = true
  readonly residentsInPlace = true
  readonly device: Device
  readonly keyMultiple: number
  readonly kernels: ReadonlySet<string>
  readonly #options: NativeOptions
  readonly #addon: NativeBinding
  readonly #lane: LaneHandle
  readonly #sessions = new Set<SessionHandle>()
  readonly #residents = new Map<ResidentTensor, ResidentHandle>()
  readonly #pending = new Set<Promise<unknown>>()
  #lastId = 0
  #lastRun: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @throws BackendError runtime/provider when the addon was not built */
  constructor(options: NativeOptions) {
    this.device = options.device
    this.keyMultiple = keyMultipleOn(options.device)
    this.kernels = options.kernels?.kernels ?? new Set()
    this.#options = options
    this.#addon = loadNativeBinding()
    this.#lane = this.#addon.createLane()
  }

  async open(model: GraphModel, options: NativeOpenOptions = {}): Promise<NativeSession> {
    this.#checkOpen(model.name)
    checkCommandLine()
    const { device } = this
    if (model.tensorRt && device.type === 'cuda' && device.tensorRt) {
      return sessionPerShape(model.name, shapes => this.#tracked(this.#openForShapes(model, options, shapes)))
    }
    return await this.#tracked(this.#open(model, options))
  }

  async drop(residents: Iterable<ResidentTensor>): Promise<void> {
    const handles = [...residents].flatMap(resident => {
      const handle = this.#residents.get(resident)
      this.#residents.delete(resident)
      return handle ?? []
    })
    if (handles.length > 0) await this.#addon.drop(this.#lane, handles)
  }

  /** Waits for the runs that were asked for, then frees sessions, residents and the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#pending)
    const sessions = [...this.#sessions].map(session => this.#addon.release(this.#lane, session))
    this.#sessions.clear()
    const residents = this.#addon.drop(this.#lane, [...this.#residents.values()])
    this.#residents.clear()
    await Promise.all([...sessions, residents, this.#addon.close(this.#lane)])
  }

  #checkOpen(subject: string): void {
    if (!this.#closing) return
    throw new BackendError('runtime/session', { subject, expected: 'an open backend', got: 'a disposed one' })
  }

  /** Notes work under way, which closing waits for. */
  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    try {
      return await work
    } finally {
      this.#pending.delete(work)
    }
  }

  /** Results are copied beside the queue: a large one could otherwise arrive after the small one of a later run. */
  async #inOrder<T>(run: Promise<T>): Promise<T> {
    run.catch(() => {}) // reported when its turn comes
    const inTurn = this.#lastRun.then(() => run)
    this.#lastRun = inTurn.catch(() => {})
    return await inTurn
  }

  async #open(model: GraphModel, options: NativeOpenOptions): Promise<NativeSession> {
    if (!model.castOnce) return this.#session(await this.#openModel(model, options))
    const { bytes, casts } = model.castOnce
    const weights: Record<string, ResidentTensor> = {}
    try {
      for (const cast of casts) Object.assign(weights, await this.#resultsOf(cast))
      return this.#session({ ...(await this.#openModel({ ...model, bytes }, options)), weights })
    } catch (error) {
      await this.drop(Object.values(weights))
      throw error
    }
  }

  /** A session of TensorRT, whose engine is found, or put, in a folder of its own. */
  async #openForShapes(
    model: GraphModel,
    options: NativeOpenOptions,
    shapes: InputShapes,
  ): Promise<NativeSession> {
    const { tensorRt } = this.#options
    if (tensorRt && model.tensorRt) {
      const session = { graph: model.tensorRt, shapes, weightsFolder: model.weightsFolder }
      await mkdir(engineFolder(tensorRt, session), { recursive: true })
    }
    return this.#session(await this.#openModel(model, { ...options, shapes }))
  }

  /** What a graph without inputs gives, which stays on the device. */
  async #resultsOf(model: GraphModel): Promise<Readonly<Record<string, ResidentTensor>>> {
    const session = await this.#openModel(model, {})
    try {
      const { residents } = await this.#inOrder(this.#run(session, {}, { keep: () => true }))
      return residents
    } finally {
      await this.#release(session)
    }
  }

  async #openModel(model: GraphModel, options: NativeOpenOptions): Promise<OpenSession> {
    try {
      const shared = Object.entries(options.initializers ?? {})
      const initializers = shared.map(([name, resident]) => [name, this.#handleOf(name, resident)])
      const config = openConfig(model, this.#options, options, Object.fromEntries(initializers))
      const { handle, inputs, outputs } = await this.#addon.open(this.#lane, model.bytes, config)
      this.#sessions.add(handle)
      return { name: model.name, handle, inputs, outputs, weights: {} }
    } catch (cause) {
      throw openError(model.name, this.device, cause)
    }
  }

  #session(session: OpenSession): NativeSession {
    return {
      name: session.name,
      run: async (feeds, options = {}) => {
        this.#checkOpen(session.name)
        return await this.#tracked(this.#inOrder(this.#run(session, feeds, options)))
      },
      release: () => this.#release(session),
    }
  }

  async #release({ handle, weights }: OpenSession): Promise<void> {
    if (!this.#sessions.delete(handle)) return
    await this.#addon.release(this.#lane, handle)
    await this.drop(Object.values(weights))
  }

  async #run(
    { name, handle, inputs, outputs, weights }: OpenSession,
    fed: Readonly<Record<string, Feed>>,
    { fetch = outputs, keep = () => false, signal, config = {} }: NativeRunOptions,
  ): Promise<RunResult> {
    const feeds = { ...weights, ...fed }
    checkInputs(name, inputs, feeds)
    if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
    const run = this.#addon.createRun(config)
    const terminate = () => this.#addon.terminate(this.#lane, run)
    signal?.addEventListener('abort', terminate, { once: true })
    try {
      const names = [...new Set(fetch)]
      const bound = Object.entries(feeds).map(([input, feed]) => [input, this.#boundFeed(input, feed)])
      const answers = await this.#addon.run(this.#lane, handle, run, {
        feeds: Object.fromEntries(bound),
        fetches: names.map(output => ({ name: output, keep: keep(output) })),
      })
      return this.#results(names, answers)
    } catch (cause) {
      throw isTerminated(cause) ? new CancelledError({ cause: signal?.reason }) : runError(name, cause)
    } finally {
      signal?.removeEventListener('abort', terminate)
    }
  }

  #boundFeed(input: string, feed: Feed): BoundFeed {
    if (!isResident(feed)) return { type: onnxDType(feed.dtype), shape: feed.shape, data: feed.data }
    return { handle: this.#handleOf(input, feed) }
  }

  #results(names: readonly string[], answers: readonly RunAnswer[]): RunResult {
    const tensors: Record<string, Tensor> = {}
    const residents: Record<string, ResidentTensor> = {}
    const dtypes = answers.map(({ type }, index) => borderDType(names[index]!, type))
    for (const [index, name] of names.entries()) {
      const { shape, buffer, handle } = answers[index]!
      const dtype = dtypes[index]!
      if (buffer) tensors[name] = { dtype, shape, data: new hostArrays[dtype](buffer) }
      if (handle) residents[name] = this.#keep(handle, dtype, shape)
    }
    return { tensors, residents }
  }

  #keep(handle: ResidentHandle, dtype: DType, shape: readonly number[]): ResidentTensor {
    const resident = { kind: 'resident', id: ++this.#lastId, dtype, shape } as const
    this.#residents.set(resident, handle)
    return resident
  }

  /** Residents count by identity: a number of another backend could be that of a different tensor here. */
  #handleOf(name: string, resident: ResidentTensor): ResidentHandle {
    const handle = this.#residents.get(resident)
    if (!handle) throw new Error(`${name}: a resident tensor of another backend, or one that was dropped`)
    return handle
  }
}

const hostArrays: { readonly [D in DType]: new (buffer: ArrayBuffer) => HostArrays[D] } = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f8e4m3: Uint8Array,
  f8e5m2: Uint8Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
}

function borderDType(output: string, type: number): DType {
  const dtype = dtypeOfOnnx(type)
  if (!dtype) throw new Error(`output ${output}: type ${type} cannot cross the graph's border`)
  return dtype
}

function isTerminated(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'terminated'
}
