/** The public API, name by name, and the place where the parts are put together. */
import { families } from '../models/index.ts'
import { type Engine, type EngineOptions, openEngine } from './engine/engine.ts'
import { OnnxRuntimeBackend } from './runtime/onnxruntime-backend.ts'

/** Opens a model folder. Its components load when they are first needed. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  return await openEngine(options, { families, createBackend: lane => new OnnxRuntimeBackend(lane) })
}

export type { Engine, EngineOptions, GenerateOptions } from './engine/engine.ts'
export { type OutputOptions, type RenderEvent, renderVideo, type VideoWrittenEvent } from './engine/render.ts'
export {
  BackendError,
  CancelledError,
  CheckpointError,
  type ErrorCode,
  errorCodes,
  type Expectation,
  FramewrightError,
  GraphError,
  HubError,
  MediaError,
  RequestError,
} from './errors.ts'
export { parseSize } from './geometry/parse-size.ts'
export type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  StageSeconds,
  StartEvent,
  StepEndEvent,
  VideoEndEvent,
} from './pipeline/events.ts'
export type { GeneratePlan, GenerateRequest } from './pipeline/request.ts'
export { type SamplerName, samplerNames } from './sampling/samplers/sampler.ts'
export type { DType } from './tensor/dtype.ts'
export { type Tensor, tensor } from './tensor/tensor.ts'
