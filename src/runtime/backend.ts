import type { FloatDType } from '../tensor/dtype.ts'
import type { Feed, ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Device } from './device.ts'

/** A graph as a backend takes it. */
export interface GraphModel {
  readonly name: string
  /** An ONNX ModelProto. */
  readonly bytes: Uint8Array
  /** The folder that the locations of external weights are relative to. */
  readonly weightsFolder: string
  /** Bytes of the weights as stored, which decides how they are loaded. */
  readonly weightBytes: number
  /**
   * The same graph with weights in a narrower type than they are stored in as inputs, and graphs that give them. A
   * backend that keeps residents in a device's memory casts the weights when it opens the graph; others cast them in
   * every run. @default none is cast
   */
  readonly castOnce?: { readonly bytes: Uint8Array; readonly casts: readonly GraphModel[] }
  /** Of a graph for TensorRT, in operators of ONNX's standard alone. @default CUDA runs it */
  readonly tensorRt?: TensorRtGraph
}

export interface OpenOptions {
  /**
   * What the file of ONNX Runtime's profile begins with, a path; it is written when the session is released. Unless
   * given nothing is profiled.
   */
  readonly profile?: string
}

export interface TensorRtGraph {
  /** Float type that engines may compute in. */
  readonly precision: FloatDType
  /** Names engines that were built of the same network and weights. */
  readonly key: string
}

export interface RunOptions {
  /** The outputs to compute results for. @default all */
  readonly fetch?: readonly string[]
  /** Those of them that stay resident. @default none */
  readonly keep?: (output: string) => boolean
  /** Ends the run at its next node with a CancelledError, where the backend can end one; else it runs on. */
  readonly signal?: AbortSignal | undefined
}

export interface RunResult {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly residents: Readonly<Record<string, ResidentTensor>>
}

export interface Session {
  readonly name: string
  run(feeds: Readonly<Record<string, Feed>>, options?: RunOptions): Promise<RunResult>
  /** Frees the session's memory. Residents that it made live on. */
  release(): Promise<void>
}

/**
 * Where graphs run: one device, one queue. Runs of one backend follow each other; the calling thread is never
 * blocked by them.
 */
export interface Backend {
  readonly name: string
  readonly device: Device
  /** The folders of kernels/ whose operators its sessions know: graphs may be built to use them. */
  readonly kernels: ReadonlySet<string>
  /** Whether residents are fed to its sessions without a copy; else they are sent to the device in every run. */
  readonly residentsInPlace: boolean
  /** Its attention with a bias takes keys in multiples of this. */
  readonly keyMultiple: number
  /**
   * Whether the state of a run is kept where its sessions are: residents are in the device's memory, and to run a graph
   * of a few nodes on them is cheap.
   */
  readonly keepsState: boolean
  open(model: GraphModel, options?: OpenOptions): Promise<Session>
  /** Frees resident tensors. */
  drop(residents: Iterable<ResidentTensor>): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What a graph is built for. Without any of it, it runs on every backend. */
export type GraphTarget = Partial<Pick<Backend, 'kernels' | 'residentsInPlace'>>
