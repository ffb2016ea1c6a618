/** The public API, name by name. */

export { benchmark, benchmarkPage, compareBenchmarks, profileBenchmark } from './api/benchmark.ts'
export { createEngine } from './api/engine.ts'
export { evaluateModel, evaluationPage } from './api/evaluation.ts'
export { type GenerateVideoOptions, generate } from './api/generate.ts'
export { diagnose, installCudaProvider, installTensorRtProvider } from './api/installation.ts'
export { openJobs } from './api/jobs.ts'
export type { MediaSource } from './api/media-sources.ts'
export {
  checkModelAdapters,
  type DescribedModel,
  describeModels,
  exportModel,
  inspectModel,
  planModelMemory,
  syntheticModels,
} from './api/models.ts'
// The fields that families add to `GenerateRequest`.
export type {} from './api/request-fields.ts'
export { openKeys, startServer } from './api/server.ts'
export { startWorker } from './api/worker.ts'
export type { Comparison } from './benchmark/compare.ts'
export type { BenchmarkOptions } from './benchmark/context.ts'
export type { BenchmarkProgress, BenchmarkReport, ClassShare } from './benchmark/report.ts'
export type { AdapterOptions } from './engine/adapters.ts'
export type { ClipSize } from './engine/clip-sizes.ts'
export { loadDenoiseState, saveDenoiseState } from './engine/denoise-file.ts'
export type { Diagnosis } from './engine/doctor.ts'
export type { Engine, EngineOptions, GenerateOptions } from './engine/engine.ts'
export type { ExportDialect, ExportOptions, ExportReport } from './engine/export.ts'
export type { Finding } from './engine/finding.ts'
export type { ComponentReport, ModelReport, SizeReport, SizeSteps } from './engine/inspect.ts'
export { type AdapterReport, inspectAdapter } from './engine/inspect-adapter.ts'
export type { LocalPart } from './engine/local-models.ts'
export type { ModelFiles } from './engine/model-files.ts'
export { builtInModel, resolveModel } from './engine/model-name.ts'
export { type GpuMemory, gpuMemory } from './engine/nvidia-gpus.ts'
export { packageVersion } from './engine/package-info.ts'
export type { MemoryReport, PlanMemoryOptions } from './engine/plan-memory.ts'
export { type OutputOptions, type RenderEvent, renderVideo, type VideoWrittenEvent } from './engine/render.ts'
export type { SetupCudaOptions } from './engine/setup-cuda.ts'
export type { SetupTensorRtOptions } from './engine/setup-tensorrt.ts'
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
  SystemError,
} from './errors.ts'
export type { EvaluateOptions, EvaluationReport, JudgedEvent } from './eval/evaluate.ts'
export { parseSize } from './geometry/parse-size.ts'
export type { NamedAdapter, NamedAdapters } from './host/named-adapters.ts'
export type { RunningWorker, WorkerOptions } from './host/worker.ts'
export type { PullEvent } from './hub/events.ts'
export { listModels, modelPath, type PulledModel, removeModel } from './hub/models.ts'
export { type PullOptions, pullModel } from './hub/pull.ts'
export { type FoundModel, type SearchOptions, searchModels } from './hub/search.ts'
export type { JobsOptions, OpenedJobs, OpenJobs } from './jobs/jobs-options.ts'
export type { KeyStore, NewApiKey } from './jobs/key-store.ts'
export type { ApiKey, KeyLimits } from './jobs/keys.ts'
export { type ContactSheetOptions, contactSheet } from './media/contact-sheet.ts'
export { encodeJpeg } from './media/encode-jpeg.ts'
export { type FileKind, fileKind } from './media/file-kind.ts'
export { checkOutput } from './media/output-path.ts'
export { readRecord } from './media/read-record.ts'
export { readVideo } from './media/read-video.ts'
export type { GenerationRecord } from './media/record.ts'
export {
  type FileSound,
  probeSound,
  type ReadSoundOptions,
  readSound,
} from './media/sound/read-sound.ts'
export type { Sound, SoundFormat } from './media/sound/sound.ts'
export type { ReadVideoOptions, VideoInput } from './media/video-input.ts'
export { type Notice, type NoticeCode, noticeCodes } from './notices.ts'
export type { DenoiseState } from './pipeline/denoise-state.ts'
export type {
  AudioReadyEvent,
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  MemoryPlanEvent,
  NoticeEvent,
  PreviewEvent,
  StageSeconds,
  StartEvent,
  StepEndEvent,
  VideoEndEvent,
} from './pipeline/events.ts'
export { modeNames } from './pipeline/model-facts.ts'
export type { GeneratePlan, GenerateRequest } from './pipeline/request.ts'
export { type SamplerName, samplerNames } from './sampling/samplers/sampler.ts'
export type { KeysOptions } from './server/open-keys.ts'
export type { RunningServer, ServeOptions } from './server/serve.ts'
export type { DType } from './tensor/dtype.ts'
export { type Tensor, tensor } from './tensor/tensor.ts'
export { writeSafetensors } from './weights/write-safetensors.ts'
