import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { EngineParts } from '../engine/engine.ts'
import { nvidiaGpus } from '../engine/nvidia-gpus.ts'
import { packageVersion } from '../engine/package-info.ts'
import { CancelledError, invalidRequest } from '../errors.ts'
import type { GraphRecipe, Model } from '../pipeline/family.ts'
import { type Device, deviceText } from '../runtime/device.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { type UnfinishedFile, unfinishedFiles } from '../unfinished-files.ts'
import { type BenchmarkOptions, type Context, openContext, type Result } from './context.ts'
import { measureLoad } from './load.ts'
import { isBusy, machine } from './machine.ts'
import { measurePeaks } from './peaks.ts'
import { profileInChild } from './profile-child.ts'
import { measureRepeated } from './repeated.ts'
import {
  type BenchmarkProgress,
  type BenchmarkReport,
  type Measurements,
  type Peaks,
  type Question,
  questions,
} from './report.ts'
import { writeSynthetic } from './synthetic.ts'
import { measureThroughput } from './throughput.ts'
import { denoises, works } from './work.ts'

/**
 * Measures a model on this machine; the last event is the report.
 * @throws RequestError for options that are wrong; what opening and running the model throws
 */
export async function* runBenchmark(
  options: BenchmarkOptions,
  composition: EngineParts,
): AsyncGenerator<BenchmarkProgress | BenchmarkReport> {
  checkOptions(options)
  const { parts, used } = withNotedBackend(composition)
  const temporary = await mkdtemp(path.join(await realpath(tmpdir()), 'framewright-benchmark-'))
  unfinishedFiles.publish({ path: temporary, done: false } satisfies UnfinishedFile)
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
    const context = await openContext({ ...options, model: folder }, parts, temporary)
    const gpu = await gpuOf(context.device)
    yield progress(`measuring ${options.what} on ${deviceText(context.device)}, ${context.repeat} times`)
    const result = await measure(context, gpu?.usedBytes)
    let peaks: Peaks | undefined
    // Where no work was counted, nothing can be held against the limits.
    if (result.work) {
      yield progress('measuring the limits of the device')
      peaks = await peaksOf(context, path.join(temporary, 'peaks'))
    }
    const notes = [...result.notes]
    let breakdown: BenchmarkReport['breakdown']
    if (options.profile !== false && options.what in works) {
      yield progress('profiling one repetition in a process of its own')
      const profile = await profileInChild({ ...options, model: folder, signal: context.signal }, temporary)
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
      settings: { ...settingsOf(context), ...used() },
      measurements: { ...result.measurements, ...(peaks && sharesOfPeaks(result.measurements, peaks)) },
      ...(result.work && { work: result.work }),
      ...(peaks && { peaks }),
      ...(breakdown && { breakdown }),
      notes,
    }
  } finally {
    await rm(temporary, { recursive: true, force: true })
    unfinishedFiles.publish({ path: temporary, done: true } satisfies UnfinishedFile)
  }
}

/** Parts that note which backend they make, and with which of our own kernels. */
function withNotedBackend(parts: EngineParts) {
  let used: { readonly backend: string; readonly kernels: string } | undefined
  const createBackend: EngineParts['createBackend'] = options => {
    const backend = parts.createBackend(options)
    used = { backend: backend.name, kernels: [...backend.kernels].join(' ') }
    return backend
  }
  return { parts: { ...parts, createBackend }, used: () => used }
}

function checkOptions({
  what,
  model,
  synthetic,
  steps,
  concurrency,
  chunk,
  repeat = 5,
  ...rest
}: BenchmarkOptions) {
  const wrong = (subject: string, expected: string, got: string) => {
    return invalidRequest(subject, expected, got)
  }
  if (!questions.includes(what)) throw wrong('what', `one of ${questions.join(', ')}`, what)
  if (model === undefined && synthetic === undefined) {
    throw wrong('model', 'a model folder, or the name of a synthetic one', 'neither')
  }
  if (!Number.isInteger(repeat) || repeat < 1) throw wrong('repeat', 'a whole number from 1', `${repeat}`)
  const videos = what === 'generate' || what === 'throughput'
  if (steps !== undefined && !videos)
    throw wrong('steps', 'none, but for generate and throughput', `${steps}`)
  if (chunk !== undefined && what !== 'vae') throw wrong('chunk', 'none, but for vae', `${chunk}`)
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

async function measure(context: Context, gpuBytesBefore: number | undefined): Promise<Result> {
  const { what } = context.options
  if (context.signal.aborted) throw new CancelledError({ cause: context.signal.reason })
  if (what === 'load') return await measureLoad(context)
  if (what === 'throughput') return await measureThroughput(context)
  return await measureRepeated(context, works[what], gpuBytesBefore)
}

async function gpuOf(device: Device) {
  return device.type === 'cuda' ? (await nvidiaGpus())[device.index] : undefined
}

/** The float type of what is measured: on a GPU the decoder's is not the transformer's. */
function dtypeOf({ device, precision: { requested }, options: { what } }: Context): FloatDType {
  if (device.type === 'cpu' || requested === 'f32' || requested === 'int8') return 'f32'
  if (what === 'vae') return 'f16'
  return requested === 'f16' ? 'f16' : 'bf16'
}

async function peaksOf(context: Context, folder: string): Promise<Peaks> {
  const { parts, device, threads } = context
  await using backend = parts.createBackend({ device, threads })
  return await measurePeaks(backend, dtypeOf(context), folder)
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

function settingsOf(context: Context): BenchmarkReport['settings'] {
  const { options, plan, device, threads, repeat } = context
  const { what, synthetic, stored, layers } = options
  const videos = what === 'generate' || what === 'throughput'
  return {
    model: synthetic ?? options.model ?? '',
    synthetic: synthetic !== undefined,
    ...(stored && { stored }),
    ...(layers !== undefined && { layers }),
    device: deviceText(device),
    precision: dtypeOf(context),
    threads: threads === 0 ? 'one per core' : threads,
    width: plan.width,
    height: plan.height,
    frames: plan.frames,
    ...(videos && { steps: plan.steps }),
    guidance: plan.guidance[0]!,
    repeat,
    ...(what === 'throughput' && { concurrency: options.concurrency ?? 2 }),
  }
}

function progress(message: string): BenchmarkProgress {
  return { type: 'progress', message }
}
