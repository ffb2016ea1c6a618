/** The public API, name by name, and the place where the parts are put together. */
import { families } from '../models/index.ts'
import type { BenchmarkOptions } from './benchmark/benchmark.ts'
import type { Comparison } from './benchmark/compare.ts'
import type { BenchmarkProgress, BenchmarkReport, ClassShare } from './benchmark/report.ts'
import { syntheticNames } from './benchmark/synthetic.ts'
import { type AdapterOptions, checkAdapters } from './engine/adapters.ts'
import { openCheckpoint } from './engine/checkpoint.ts'
import { type Diagnosis, diagnoseInstallation } from './engine/doctor.ts'
import { type Engine, type EngineOptions, type EngineParts, openEngine } from './engine/engine.ts'
import { type ExportOptions, type ExportReport, exportCheckpoint } from './engine/export.ts'
import { inspectCheckpoint, type ModelReport } from './engine/inspect.ts'
import { type MemoryReport, type PlanMemoryOptions, planMemory } from './engine/plan-memory.ts'
import { type SetupCudaOptions, setupCuda } from './engine/setup-cuda.ts'
import type { EvaluateOptions, EvaluationReport, JudgedEvent } from './eval/evaluate.ts'
import type { PullEvent } from './hub/events.ts'
import type { JobsOptions, OpenedJobs, OpenJobs } from './jobs/contract.ts'
import type { KeyStore } from './jobs/key-store.ts'
import { chooseBackend } from './runtime/choose-backend.ts'
import type { KeysOptions } from './server/open-keys.ts'
import type { RunningServer, ServeOptions } from './server/serve.ts'
import type { RunningWorker, WorkerOptions } from './worker/worker.ts'

/** Opens a model folder. Its components load when they are first needed. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  return await openEngine(options, { families, createBackend })
}

/** Describes a model folder from its configs and the headers of its weights. */
export async function inspectModel(options: { readonly model: string }): Promise<ModelReport> {
  return await inspectCheckpoint(options.model, families)
}

/**
 * Checks that adapters are of a model, from the headers of their files.
 * @throws CheckpointError for one that is not
 */
export async function checkModelAdapters(options: {
  readonly model: string
  readonly adapters: readonly AdapterOptions[]
}): Promise<void> {
  await checkAdapters(options.adapters, await openCheckpoint(options.model, families))
}

/** Estimates the memory that a request needs, and says how it would be made in what there is. */
export async function planModelMemory(options: PlanMemoryOptions): Promise<MemoryReport> {
  return await planMemory(options, families)
}

/** Writes a model folder as ordinary .onnx files that can be run in its place. */
export async function exportModel(options: ExportOptions): Promise<ExportReport> {
  return await exportCheckpoint(options, families)
}

/** Looks at everything that making a video needs on this machine. */
export async function diagnose(): Promise<Diagnosis> {
  return await diagnoseInstallation(createBackend)
}

/**
 * Puts ONNX Runtime's CUDA provider of the runtime's own version where the runtime looks for it. Iterate to run it.
 * @throws BackendError where there is none or it cannot be placed; HubError when it cannot be fetched; CancelledError
 *   after an abort
 */
export function installCudaProvider(options: SetupCudaOptions = {}): AsyncGenerator<PullEvent> {
  return setupCuda(options)
}

/**
 * Makes videos of a model's held-out prompts and judges what they show; the last event is the report. Loaded when it is
 * called.
 * @throws CheckpointError for a model without an `evaluation.json`
 */
export async function evaluateModel(
  options: EvaluateOptions,
): Promise<AsyncGenerator<JudgedEvent | EvaluationReport>> {
  const { evaluate } = await import('./eval/evaluate.ts')
  return evaluate(options)
}

/** A report as one HTML page. */
export async function evaluationPage(report: EvaluationReport): Promise<string> {
  const { reportPage } = await import('./eval/report-page.ts')
  return reportPage(report)
}

/**
 * Measures a model on this machine: a step, a video, loading, decoding, a prompt, or videos an hour. The last event is
 * the report. Loaded when it is called.
 * @throws RequestError for options that are wrong
 */
export async function benchmark(
  options: BenchmarkOptions,
): Promise<AsyncGenerator<BenchmarkProgress | BenchmarkReport>> {
  const { runBenchmark } = await import('./benchmark/benchmark.ts')
  return runBenchmark(options, { families, createBackend })
}

/** Which class of op takes how long in one repetition of a benchmark, with ONNX Runtime's profiler on. */
export async function profileBenchmark(
  options: BenchmarkOptions & { readonly model: string },
): Promise<ClassShare[]> {
  const { profileRepetition } = await import('./benchmark/profile-child.ts')
  return await profileRepetition(options, { families, createBackend })
}

/** A benchmark's report as one HTML page with charts. */
export async function benchmarkPage(report: BenchmarkReport): Promise<string> {
  const { reportPage } = await import('./benchmark/page.ts')
  return reportPage(report)
}

/**
 * Sets two reports of benchmarks side by side, of this program or of a peer's.
 * @throws RequestError for what is not a report
 */
export async function compareBenchmarks(first: unknown, second: unknown): Promise<Comparison> {
  const { compareReports } = await import('./benchmark/compare.ts')
  return compareReports(first, second)
}

/** The published checkpoints that can be measured without their weights. */
export function syntheticModels(): string[] {
  return syntheticNames(families)
}

/**
 * Serves models over HTTP, as Runway's API and OpenAI's videos API. Loaded when it is called.
 * @param open opens what the tasks are kept in; `openJobs` unless given
 * @throws RequestError when it would be open to others without a key; CheckpointError for a model that is not one
 */
export async function startServer(options: ServeOptions, open: OpenJobs = openJobs): Promise<RunningServer> {
  const server = await import('./server/serve.ts')
  return await server.startServer(options, open)
}

/**
 * Takes tasks from the queue that a fleet shares, and makes their videos. Loaded when it is called.
 * @throws RequestError for a database that cannot be shared; JobsError when it cannot be reached
 */
export async function startWorker(options: WorkerOptions, open: OpenJobs = openJobs): Promise<RunningWorker> {
  const worker = await import('./worker/worker.ts')
  return await worker.startWorker(options, open)
}

/**
 * Opens the tasks that are kept in a folder, by one process at a time, or on a PostgreSQL server, by many.
 * @throws JobsError when the database cannot be reached or opened
 */
export async function openJobs(options: JobsOptions): Promise<OpenedJobs> {
  const jobs = await import('./jobs/open-jobs.ts')
  return await jobs.openJobs(options)
}

/**
 * Opens the API keys of a server, whether or not it runs.
 * @throws JobsError when the database cannot be reached
 */
export async function openKeys(options: KeysOptions): Promise<KeyStore> {
  const server = await import('./server/open-keys.ts')
  return await server.openServerKeys(options)
}

const createBackend: EngineParts['createBackend'] = lane => chooseBackend(lane)

export type { AdapterOptions } from './engine/adapters.ts'
export { loadDenoiseState, saveDenoiseState } from './engine/denoise-file.ts'
export type { Diagnosis, Finding } from './engine/doctor.ts'
export type { Engine, EngineOptions, GenerateOptions } from './engine/engine.ts'
export type { ExportOptions, ExportReport } from './engine/export.ts'
export type { ComponentReport, ModelReport, SizeReport, SizeSteps } from './engine/inspect.ts'
export { type AdapterReport, inspectAdapter } from './engine/inspect-adapter.ts'
export { builtInModel, resolveModel } from './engine/model-name.ts'
export { type GpuMemory, gpuMemory } from './engine/nvidia-gpus.ts'
export { packageVersion } from './engine/package-info.ts'
export type { MemoryReport, PlanMemoryOptions } from './engine/plan-memory.ts'
export { type OutputOptions, type RenderEvent, renderVideo, type VideoWrittenEvent } from './engine/render.ts'
export type { SetupCudaOptions } from './engine/setup-cuda.ts'
export {
  BackendError,
  CancelledError,
  CheckpointError,
  type ErrorCode,
  type Expectation,
  errorCodes,
  FramewrightError,
  GraphError,
  HostError,
  HubError,
  JobsError,
  MediaError,
  RequestError,
} from './errors.ts'
export { parseSize } from './geometry/parse-size.ts'
export type { NamedAdapter, NamedAdapters } from './host/named-adapters.ts'
export { listModels, modelPath, type PulledModel } from './hub/models.ts'
export { type PullOptions, pullModel } from './hub/pull.ts'
export type { ApiKey, JobsOptions, KeyLimits, OpenedJobs, OpenJobs } from './jobs/contract.ts'
export type { KeyStore, NewApiKey } from './jobs/key-store.ts'
export { type ContactSheetOptions, contactSheet } from './media/contact-sheet.ts'
export { encodeJpeg } from './media/encode-jpeg.ts'
export { type FileKind, fileKind } from './media/file-kind.ts'
export { checkOutput } from './media/output-path.ts'
export { readRecord } from './media/read-record.ts'
export { type ReadVideoOptions, readVideo, type VideoInput } from './media/read-video.ts'
export type { GenerationRecord } from './media/record.ts'
export type { DenoiseState } from './pipeline/denoise-state.ts'
export type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  MemoryPlanEvent,
  PreviewEvent,
  StageSeconds,
  StartEvent,
  StepEndEvent,
  VideoEndEvent,
} from './pipeline/events.ts'
export type { GeneratePlan, GenerateRequest } from './pipeline/request.ts'
export { modeNames } from './pipeline/visual.ts'
export { type SamplerName, samplerNames } from './sampling/samplers/sampler.ts'
export type { KeysOptions } from './server/open-keys.ts'
export type { RunningServer, ServeOptions } from './server/serve.ts'
export type { DType } from './tensor/dtype.ts'
export { type Tensor, tensor } from './tensor/tensor.ts'
export { writeSafetensors } from './weights/write-safetensors.ts'
export type { RunningWorker, WorkerOptions } from './worker/worker.ts'
export type {
  BenchmarkOptions,
  BenchmarkProgress,
  BenchmarkReport,
  ClassShare,
  Comparison,
  EvaluateOptions,
  EvaluationReport,
  JudgedEvent,
  PullEvent,
}
