import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Checkpoint, openCheckpoint } from '../engine/checkpoint.ts'
import type { EngineOptions, EngineParts } from '../engine/engine.ts'
import type { Precision } from '../engine/graph-source.ts'
import { nvidiaGpus } from '../engine/nvidia-gpus.ts'
import { packageVersion } from '../engine/package-info.ts'
import { CancelledError, RequestError } from '../errors.ts'
import type { GraphRecipe, Model } from '../pipeline/family.ts'
import { type GeneratePlan, planRequest } from '../pipeline/request.ts'
import { type Device, deviceText } from '../runtime/backend.ts'
import { parseDevice } from '../runtime/device.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { answerLoad } from './load.ts'
import { isBusy, machine } from './machine.ts'
import { measurePeaks } from './peaks.ts'
import { profileInChild } from './profile-child.ts'
import { answerRepeated } from './repeated.ts'
import {
  type BenchmarkProgress,
  type BenchmarkReport,
  type Measurements,
  type Peaks,
  type Question,
  questions,
} from './report.ts'
import { withRequiredPictures } from './required-pictures.ts'
import { writeSynthetic } from './synthetic.ts'
import { answerThroughput } from './throughput.ts'
import { denoises, works } from './work.ts'

export interface BenchmarkOptions
  extends Pick<EngineOptions, 'device' | 'precision' | 'threads' | 'residency'> {
  readonly what: Question
  /** A model folder; with `synthetic`, where that is put and kept. */
  readonly model?: string
  /** The name of a published checkpoint to measure with random weights. */
  readonly synthetic?: string
  /** With `synthetic`: how its weights are stored; as they were published unless given. */
  readonly stored?: 'f32' | 'f16' | 'bf16'
  /** With `synthetic`: so many layers of its transformer; all unless given. */
  readonly layers?: number
  readonly width?: number
  readonly height?: number
  readonly frames?: number
  /** Of `generate` and `throughput`; the model's own unless given. */
  readonly steps?: number
  /** Times that everything is measured; 5 unless given. */
  readonly repeat?: number
  /** Of `throughput`: videos made at a time; 2 unless given. */
  readonly concurrency?: number
  /** Whether to say where time goes, by class of op, in a process of its own; true unless given. */
  readonly profile?: boolean
  readonly signal?: AbortSignal
}

/** Everything that an answer is found with. */
export interface Setting {
  readonly options: BenchmarkOptions
  readonly parts: EngineParts
  readonly checkpoint: Checkpoint
  readonly device: Device
  readonly precision: Precision
  readonly plan: GeneratePlan
  /** 0 for one a core. */
  readonly threads: number
  readonly repeat: number
  readonly signal: AbortSignal
}

/** What a question is answered with. */
export type Answer = Pick<BenchmarkReport, 'measurements' | 'work' | 'notes'>

const prompt =
  'A red fox trots along a frozen river at dawn, mist rising from the ice, the low sun behind bare birches; the camera follows it slowly from the side.'

/**
 * Measures a model on this machine; the last event is the report.
 * @throws RequestError for options that are wrong; what opening and running the model throws
 */
export async function* runBenchmark(
  options: BenchmarkOptions,
  parts: EngineParts,
): AsyncGenerator<BenchmarkProgress | BenchmarkReport> {
  checkOptions(options)
  const temporary = await mkdtemp(path.join(await realpath(tmpdir()), 'framewright-benchmark-'))
  try {
    const busy = await isBusy()
    const folder = options.model ?? path.join(temporary, 'model')
    if (options.synthetic !== undefined) {
      yield progress(`writing random weights of ${options.synthetic} to ${folder}`)
      const { bytes } = await writeSynthetic(
        syntheticOptions(options, options.synthetic, folder),
        parts.families,
      )
      yield progress(`${(bytes / 1e9).toFixed(2)} GB of random weights`)
    }
    const setting = await openSetting({ ...options, model: folder }, parts, temporary)
    const gpu = await gpuOf(setting.device)
    yield progress(`measuring ${options.what} on ${deviceText(setting.device)}, ${setting.repeat} times`)
    const answer = await answerOf(setting, gpu?.usedBytes)
    let peaks: Peaks | undefined
    // Where no work was counted, nothing can be held against the limits.
    if (answer.work) {
      yield progress('measuring the limits of the device')
      peaks = await peaksOf(setting, path.join(temporary, 'peaks'))
    }
    const notes = [...answer.notes]
    let breakdown: BenchmarkReport['breakdown']
    if (options.profile !== false && options.what in works) {
      yield progress('profiling one repetition in a process of its own')
      const profile = await profileInChild({ ...options, model: folder, signal: setting.signal }, temporary)
      if ('failure' in profile) notes.push(`There is no breakdown: ${profile.failure}`)
      else breakdown = profile.shares
    }
    yield {
      type: 'report',
      format: 1,
      program: `framewright ${packageVersion()}`,
      what: options.what,
      measured: new Date().toISOString().slice(0, 10),
      machine: { ...machine(), ...(gpu && { gpu: gpu.name, driver: gpu.driver }) },
      busy,
      settings: settingsOf(setting),
      measurements: { ...answer.measurements, ...(peaks && sharesOfPeaks(answer.measurements, peaks)) },
      ...(answer.work && { work: answer.work }),
      ...(peaks && { peaks }),
      ...(breakdown && { breakdown }),
      notes,
    }
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Opens the model and fills in what was not given. */
export async function openSetting(
  options: BenchmarkOptions & { readonly model: string },
  parts: EngineParts,
  temporary: string,
): Promise<Setting> {
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
  const { width, height, frames, steps } = options
  const request = {
    prompt,
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(frames !== undefined && { frames }),
    ...(steps !== undefined && { steps }),
  }
  const whole = await withRequiredPictures(request, facts, temporary)
  return {
    options,
    parts,
    checkpoint,
    device,
    precision: { device, requested: options.precision },
    plan: planRequest(whole, facts, () => 1n),
    threads: options.threads ?? 0,
    repeat: options.repeat ?? 5,
    signal: options.signal ?? new AbortController().signal,
  }
}

function checkOptions({ what, model, synthetic, steps, concurrency, repeat = 5, ...rest }: BenchmarkOptions) {
  const wrong = (subject: string, expected: string, got: string) => {
    return new RequestError('request/invalid', { subject, expected, got })
  }
  if (!questions.includes(what)) throw wrong('what', `one of ${questions.join(', ')}`, what)
  if (model === undefined && synthetic === undefined) {
    throw wrong('model', 'a model folder, or the name of a synthetic one', 'neither')
  }
  if (!Number.isInteger(repeat) || repeat < 1) throw wrong('repeat', 'a whole number from 1', `${repeat}`)
  const videos = what === 'generate' || what === 'throughput'
  if (steps !== undefined && !videos)
    throw wrong('steps', 'none, but for generate and throughput', `${steps}`)
  if (concurrency !== undefined && what !== 'throughput') {
    throw wrong('concurrency', 'none, but for throughput', `${concurrency}`)
  }
  if (synthetic === undefined && (rest.stored !== undefined || rest.layers !== undefined)) {
    throw wrong(rest.layers === undefined ? 'stored' : 'layers', 'none, but for synthetic weights', 'one')
  }
}

function syntheticOptions(options: BenchmarkOptions, name: string, folder: string) {
  const { stored, layers, what } = options
  return {
    name,
    folder,
    isMeasured: (recipe: GraphRecipe, model: Model) => measuredBy(what, model)(recipe),
    ...(stored && { stored }),
    ...(layers !== undefined && { layers }),
  }
}

function measuredBy(what: Question, model: Model): (recipe: GraphRecipe) => boolean {
  if (what === 'load') return denoises(model)
  return works[what === 'throughput' ? 'generate' : what].isMeasured(model)
}

async function answerOf(setting: Setting, gpuBytesBefore: number | undefined): Promise<Answer> {
  const { what } = setting.options
  if (setting.signal.aborted) throw new CancelledError({ cause: setting.signal.reason })
  if (what === 'load') return await answerLoad(setting)
  if (what === 'throughput') return await answerThroughput(setting)
  return await answerRepeated(setting, works[what], gpuBytesBefore)
}

async function gpuOf(device: Device) {
  return device.type === 'cuda' ? (await nvidiaGpus())[device.index] : undefined
}

/** The float type of what is measured: on a GPU the decoder's is not the transformer's. */
function dtypeOf({ device, precision: { requested }, options: { what } }: Setting): FloatDType {
  if (device.type === 'cpu' || requested === 'f32') return 'f32'
  return what === 'vae' ? 'f16' : (requested ?? 'bf16')
}

async function peaksOf(setting: Setting, folder: string): Promise<Peaks> {
  const { parts, device, threads } = setting
  await using backend = parts.createBackend({ device, threads })
  return await measurePeaks(backend, dtypeOf(setting), folder)
}

function sharesOfPeaks(measurements: Measurements, peaks: Peaks): Measurements {
  const share = (name: string, limit: number) => {
    const found = measurements[name]
    if (!found) return undefined
    const of = (value: number) => Number((value / limit).toPrecision(4))
    return { ...found, unit: 'share', p50: of(found.p50), p95: of(found.p95), values: found.values.map(of) }
  }
  const matmul = share('compute', peaks.matmul.tflops)
  const copy = share('traffic', peaks.copy.gigabytesPerSecond)
  return {
    ...(matmul && { 'share of matmul peak': matmul }),
    ...(copy && { 'share of copy bandwidth': copy }),
  }
}

function settingsOf(setting: Setting): BenchmarkReport['settings'] {
  const { options, plan, device, threads, repeat } = setting
  const { what, synthetic, stored, layers } = options
  const videos = what === 'generate' || what === 'throughput'
  return {
    model: synthetic ?? options.model ?? '',
    synthetic: synthetic !== undefined,
    ...(stored && { stored }),
    ...(layers !== undefined && { layers }),
    device: deviceText(device),
    precision: dtypeOf(setting),
    threads: threads === 0 ? 'one a core' : threads,
    width: plan.width,
    height: plan.height,
    frames: plan.frames,
    ...(videos && { steps: plan.steps }),
    guidance: plan.guidance,
    repeat,
    ...(what === 'throughput' && { concurrency: options.concurrency ?? 2 }),
  }
}

function progress(message: string): BenchmarkProgress {
  return { type: 'progress', message }
}
