import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { CancelledError, RequestError } from '../errors.ts'
import { Notices } from '../notices.ts'
import type { GenerateEvent } from '../pipeline/events.ts'
import { extend, likeSource } from '../pipeline/extend.ts'
import type { Family, ModelFacts } from '../pipeline/family.ts'
import { generate, type RunSettings } from '../pipeline/generate.ts'
import type { Residency } from '../pipeline/memory-plan.ts'
import { type GenerateRequest, planRequest } from '../pipeline/request.ts'
import { type Backend, type Device, deviceText } from '../runtime/backend.ts'
import { parseDevices } from '../runtime/device.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { type AdapterOptions, openAdapters } from './adapters.ts'
import { openCheckpoint } from './checkpoint.ts'
import { DeviceMemory } from './device-memory.ts'
import { graphSource } from './graph-source.ts'
import { GuidancePair } from './guidance-pair.ts'
import { Lane } from './lane.ts'
import { LanePool } from './lane-pool.ts'
import { MemoryEstimator } from './memory-estimate.ts'

export interface EngineOptions {
  /** A model folder in the diffusers layout, or an exported one. */
  readonly model: string
  /** The pipeline class to run it as, where a checkpoint can be run as several; that of its model_index.json unless given. */
  readonly pipeline?: string
  /**
   * `auto` (the default), `cpu`, `cuda` or `cuda:N`; two of a kind with a comma between them run the two branches of
   * guidance at once, `cuda:0,cuda:1`.
   */
  readonly device?: string
  /** Float type of the transformer; unless given f32 on a CPU, bf16 on a GPU. */
  readonly precision?: FloatDType
  /** CPU threads of all lanes together; one a core unless given. */
  readonly threads?: number
  /** Videos that are made at a time; 1 unless given. */
  readonly lanes?: number
  /**
   * What stays loaded after use: `keep` everything, `release-text` all but encoders, `release` one component at a time;
   * `auto` (the default) as much as fits.
   */
  readonly residency?: Residency | 'auto'
  /** Bytes of the device's memory that may be used; what is free unless given. */
  readonly memory?: number
  /** LoRA files to run the model with, in any number. */
  readonly adapters?: readonly AdapterOptions[]
}

export interface GenerateOptions extends RunSettings {
  readonly signal?: AbortSignal
}

/** A loaded model that makes videos. */
export interface Engine extends AsyncDisposable {
  readonly facts: ModelFacts
  /** The device as it was chosen: `cpu`, `cuda:0`. */
  readonly device: string
  readonly adapters: readonly AdapterOptions[]
  /**
   * Makes a video, as a stream of events. It waits for a free lane; it ends when the signal aborts, at the next node
   * of the graph that runs on the native backend and at the next step on the other, or when the caller stops iterating.
   * @throws RequestError for a request that the model cannot do, or a state of another; CancelledError when aborted
   */
  generate(
    request: GenerateRequest,
    options?: GenerateOptions,
  ): AsyncGenerator<GenerateEvent, void, undefined>
}

/** What an engine is made of: the families it knows and the runtime it runs on. */
export interface EngineParts {
  readonly families: readonly Family[]
  readonly createBackend: (options: { device: Device; threads: number }) => Backend
}

/** Opens a checkpoint. Its components load when they are first needed. */
export async function openEngine(options: EngineOptions, parts: EngineParts): Promise<Engine> {
  const [device, second] = parseDevices(options.device ?? 'auto')
  const opening = new Notices()
  const checkpoint = await openCheckpoint(options.model, parts.families, options.pipeline)
  const adapters = await openAdapters(options.adapters ?? [], checkpoint)
  const precision = { device, requested: options.precision }
  const source = graphSource(checkpoint, precision, adapters)
  const lanes = checkedCount('lanes', options.lanes ?? 1)
  const threads = threadsPerLane(options, second ? 2 * lanes : lanes)
  const openLane = (on: Device) => new Lane(parts.createBackend({ device: on, threads }), source, 'keep')
  const pool = new LanePool(lanes, () => {
    return second ? new GuidancePair(openLane(device), openLane(second), source) : openLane(device)
  })
  const { model } = checkpoint
  // Every run says what was noticed when the model was opened.
  const opened = opening.take()
  const { residency = 'auto' } = options
  const memory = new DeviceMemory(device, new MemoryEstimator(checkpoint, device, source), {
    residencies: residency === 'auto' ? undefined : [residency],
    limit: options.memory,
    pairs: second !== undefined && deviceText(second) === deviceText(device),
  })
  return {
    facts: model.facts,
    device: [device, ...(second ? [second] : [])].map(deviceText).join(),
    adapters: options.adapters ?? [],
    async *generate(request, { signal = new AbortController().signal, ...settings } = {}) {
      const fitting = request.extend === undefined ? request : await likeSource(request, model.facts, signal)
      const notices = new Notices(opened)
      const plan = planRequest(fitting, model.facts, randomSeed, notices.add)
      const lane = await pool.acquire(signal)
      lane.until(signal)
      try {
        await memory.admit(lane, plan)
        const make = plan.extend ? extend : generate
        yield* make(model, plan, lane, signal, { ...settings, notices })
      } catch (error) {
        throw signal.aborted && !(error instanceof CancelledError)
          ? new CancelledError({ cause: error })
          : error
      } finally {
        await lane.dropAll().finally(() => {
          memory.settle(lane)
          pool.giveBack(lane)
        })
      }
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

/** Short enough to be typed again. */
function randomSeed(): bigint {
  return BigInt(randomBytes(4).readUInt32BE())
}

/** 0 leaves the number to the runtime: one a physical core. */
function threadsPerLane({ threads }: EngineOptions, lanes: number): number {
  if (threads === undefined && lanes === 1) return 0
  const all = checkedCount('threads', threads ?? availableParallelism())
  return Math.max(1, Math.floor(all / lanes))
}

function checkedCount(subject: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= 1024) return value
  throw new RequestError('request/invalid', {
    subject,
    expected: 'a whole number from 1 to 1024',
    got: String(value),
  })
}
