import { type Checkpoint, openCheckpoint } from '../engine/checkpoint.ts'
import type { EngineOptions, EngineParts } from '../engine/engine.ts'
import type { Precision } from '../engine/graph-source.ts'
import { RequestError } from '../errors.ts'
import { type GeneratePlan, planRequest } from '../pipeline/request.ts'
import type { Device } from '../runtime/device.ts'
import { parseDevice } from '../runtime/device.ts'
import type { BenchmarkReport, Question } from './report.ts'
import { withRequiredPictures } from './required-pictures.ts'

export interface BenchmarkOptions
  extends Pick<EngineOptions, 'device' | 'precision' | 'threads' | 'residency'> {
  readonly what: Question
  /** A model folder; with `synthetic`, where that is put and kept. */
  readonly model?: string
  /** The name of a published checkpoint to measure with random weights. */
  readonly synthetic?: string
  /** With `synthetic`: how its weights are stored. @default as they were published */
  readonly stored?: 'f32' | 'f16' | 'bf16'
  /** With `synthetic`: so many layers of its transformer. @default all */
  readonly layers?: number
  readonly width?: number
  readonly height?: number
  readonly frames?: number
  /** Of `generate` and `throughput`. @default the model's own */
  readonly steps?: number
  /** Latent frames that are decoded at a time. @default the model's own */
  readonly chunk?: number
  /** Times that everything is measured. @default 5 */
  readonly repeat?: number
  /** Of `throughput`: videos made at a time. @default 2 */
  readonly concurrency?: number
  /** Whether to say where time goes, by class of op, in a process of its own. @default true */
  readonly profile?: boolean
  readonly signal?: AbortSignal
}

/** Everything that a measurement is made with. */
export interface Context {
  readonly options: BenchmarkOptions
  readonly parts: EngineParts
  readonly checkpoint: Checkpoint
  readonly device: Device
  readonly precision: Precision
  readonly plan: GeneratePlan
  /** 0 for one per core. */
  readonly threads: number
  readonly repeat: number
  readonly signal: AbortSignal
}

/** The part of a report that a measurement gives. */
export type Result = Pick<BenchmarkReport, 'measurements' | 'work' | 'notes'>

const prompt =
  'A red fox trots along a frozen river at dawn, mist rising from the ice, the low sun behind bare birches; the camera follows it slowly from the side.'

/** Opens the model and fills in what was not given. */
export async function openContext(
  options: BenchmarkOptions & { readonly model: string },
  parts: EngineParts,
  temporary: string,
): Promise<Context> {
  const device = parseDevice(options.device ?? 'auto')
  const checkpoint = await openCheckpoint(options.model, parts.families)
  if (checkpoint.exported) {
    throw new RequestError('request/unsupported', {
      subject: 'model',
      expected: 'a checkpoint, whose graphs can be counted',
      got: 'one that was exported',
    })
  }
  const { facts } = checkpoint.model
  const { width, height, frames, steps, chunk } = options
  const request = {
    prompt,
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(frames !== undefined && { frames }),
    ...(steps !== undefined && { steps }),
    ...(chunk !== undefined && { chunk }),
  }
  const whole = await withRequiredPictures(request, facts, temporary)
  return {
    options,
    parts,
    checkpoint,
    device,
    precision: { device, requested: options.precision },
    plan: planRequest(whole, facts, { fields: checkpoint.fields, randomSeed: () => 1n }),
    threads: options.threads ?? 0,
    repeat: options.repeat ?? 5,
    signal: options.signal ?? new AbortController().signal,
  }
}
