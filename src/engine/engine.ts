/** What an engine is opened with, and what it does. */

import type { RunSettings } from '../pipeline/denoise-stage.ts'
import type { GenerateEvent } from '../pipeline/events.ts'
import type { Family, ModelFacts } from '../pipeline/family.ts'
import type { RequestFields } from '../pipeline/fields/request-fields.ts'
import type { Residency } from '../pipeline/memory-plan.ts'
import type { GenerateRequest } from '../pipeline/request.ts'
import type { Backend } from '../runtime/backend.ts'
import type { Device } from '../runtime/device.ts'
import type { AdapterOptions } from './adapters.ts'
import type { ComputePrecision } from './graph-source.ts'
import type { ModelFiles } from './model-files.ts'

export interface EngineOptions {
  /** A model folder in the diffusers layout, an exported one, or a transformer's .safetensors or .gguf file. */
  readonly model: string
  /** The other files of a model that is no folder. @default those that are found near the transformer's */
  readonly files?: ModelFiles
  /** The pipeline class to run it as, where a checkpoint can be run as several. @default that of model_index.json */
  readonly pipeline?: string
  /**
   * `auto` (the default), `cpu`, `cuda`, `cuda:N`, or `tensorrt:N` for decoders and vocoders on TensorRT, `tensorrt:N:all` for
   * all networks; two of a kind with a comma between them run the two branches of
   * guidance at once, `cuda:0,cuda:1`.
   */
  readonly device?: string
  /**
   * What the denoising network computes in; `int8`, on a CPU, rounds its linear layers to 8 bits: quicker and less exact.
   * @default f32 on a CPU, bf16 on a GPU
   */
  readonly precision?: ComputePrecision
  /** CPU threads of all lanes together. @default one per core */
  readonly threads?: number
  /** Videos that are made at a time. @default 1 */
  readonly lanes?: number
  /**
   * What stays loaded after use: `keep` everything, `release-text` all but encoders, `release` one component at a time;
   * `auto` (the default) as much as fits.
   */
  readonly residency?: Residency | 'auto'
  /** Bytes of the device's memory that may be used. @default what is free */
  readonly memory?: number
  /**
   * A folder that results of text encoders are kept in, so that a prompt which was encoded before needs no encoder; `true`
   * for `prompts` in the user's cache of this package. The least recently used go beyond 2 GiB. @default false
   */
  readonly promptCache?: boolean | string
  /** LoRA files to run the model with, in any number. */
  readonly adapters?: readonly AdapterOptions[]
  /** Whether models are run that are not checked in full, such as LTX-2.5; each says so in a notice. @default false */
  readonly experimental?: boolean
}

export interface GenerateOptions extends RunSettings {
  readonly signal?: AbortSignal
}

/** A loaded model that makes videos. */
export interface Engine extends AsyncDisposable {
  readonly facts: ModelFacts
  /** Every field that a request may have; `facts.takes` has those of them that only some models take. */
  readonly fields: RequestFields
  /** The device as it was chosen: `cpu`, `cuda:0`. */
  readonly device: string
  readonly adapters: readonly AdapterOptions[]
  /** What the denoising network was asked to compute in; undefined for the device's usual precision. */
  readonly precision?: ComputePrecision | undefined
  /**
   * Makes a video, as a stream of events. It waits for a free lane. It ends when the caller stops iterating, and within
   * a second after the signal has aborted or the engine was disposed. The native backend ends a graph that runs at its
   * next node; on the other one the graph runs on to its end, and its lane takes no other request until then.
   * @throws RequestError for a request that the model cannot do, or a state of another; CancelledError when aborted, or
   *   when the engine is disposed
   */
  generate(
    request: GenerateRequest,
    options?: GenerateOptions,
  ): AsyncGenerator<GenerateEvent, void, undefined>
  /** Waits for graphs that run on for requests which were cancelled. */
  settled(): Promise<void>
  /** Cancels every request, waits for the graph that runs, and frees the model. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What an engine is made of: the families it knows and the runtime it runs on. */
export interface EngineParts {
  readonly families: readonly Family[]
  readonly createBackend: (options: { device: Device; threads: number }) => Backend
}
