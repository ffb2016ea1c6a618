/** Options of ONNX Runtime's TensorRT provider. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { framewrightHome } from '../hub/environment.ts'
import type { TensorRtGraph } from './backend.ts'
import { optionsOf } from './cuda-options.ts'
import { locateTensorRtLibraries } from './tensorrt-provider.ts'

export interface TensorRtOptions {
  /** Where engines and timings of kernels are kept. To build an engine takes far longer than to load one. */
  readonly cacheFolder: string
  /**
   * Keeps engines without their weights, which are filled in from the model when an engine is loaded: a cache of
   * megabytes in the place of gigabytes.
   * @default false
   */
  readonly weightStripped?: boolean
  /** Bytes that TensorRT may use beside weights and results. @default what is free */
  readonly workspaceBytes?: number
  /** How long kernels are searched for, from 0 to 5. @default 3 */
  readonly optimizationLevel?: 0 | 1 | 2 | 3 | 4 | 5
  /** Further options by the provider's names; they win. */
  readonly others?: Readonly<Record<string, string>>
}

/** Shapes of inputs by name. */
export type InputShapes = Readonly<Record<string, readonly number[]>>

/** A session of one graph for inputs of one shape. */
export interface TensorRtSession {
  readonly graph: TensorRtGraph
  readonly shapes: InputShapes
  /** The folder that locations of external weights are relative to. */
  readonly weightsFolder: string
}

/** The folder of an engine and of nothing else: the provider tells engines of other weights or shapes not apart. */
export function engineFolder({ cacheFolder }: TensorRtOptions, { graph, shapes }: TensorRtSession): string {
  const sizes = Object.entries(shapes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const digest = createHash('sha256').update(JSON.stringify(sizes)).digest('hex')
  return path.join(cacheFolder, graph.key, digest.slice(0, 16))
}

/**
 * Options by ONNX Runtime's names (TensorrtExecutionProviderInfo). An engine is built for exactly the shapes of a session: a
 * profile of a range gives slower kernels.
 */
export function tensorRtProviderOptions(
  device: number,
  options: TensorRtOptions,
  session: TensorRtSession,
): Readonly<Record<string, string>> {
  const { graph, shapes, weightsFolder } = session
  const { cacheFolder, weightStripped, workspaceBytes, optimizationLevel, others } = options
  const profile = Object.entries(shapes)
    .map(([name, shape]) => `${name}:${shape.join('x')}`)
    .join(',')
  return {
    // TensorRT computes in 16 bits only where it is allowed to; norms overflow in f16.
    ...(graph.precision === 'f16' && { trt_fp16_enable: '1', trt_layer_norm_fp32_fallback: '1' }),
    ...(graph.precision === 'bf16' && { trt_bf16_enable: '1' }),
    // Weights lie in other files than the model: its parser is handed them by the runtime, which has mapped them.
    trt_load_user_initializer: '1',
    trt_engine_cache_enable: '1',
    trt_engine_cache_path: engineFolder(options, session),
    trt_timing_cache_enable: '1',
    trt_timing_cache_path: cacheFolder,
    trt_profile_min_shapes: profile,
    trt_profile_opt_shapes: profile,
    trt_profile_max_shapes: profile,
    trt_onnx_model_folder_path: weightsFolder,
    ...(weightStripped && { trt_weight_stripped_engine_enable: '1' }),
    ...(workspaceBytes !== undefined && { trt_max_workspace_size: String(workspaceBytes) }),
    ...(optimizationLevel !== undefined && { trt_builder_optimization_level: String(optimizationLevel) }),
    ...others,
    device_id: String(device),
  }
}

/** Engines and timings are kept in the user's cache, for each version of TensorRT: one does not load those of another. */
export function usualTensorRt(): TensorRtOptions {
  const [library] = locateTensorRtLibraries().values()
  const version = path.basename(library ?? 'libnvinfer')
  return { cacheFolder: path.join(framewrightHome(), 'tensorrt', version), others: tensorRtOptionsOf() }
}

/**
 * Further options from `FRAMEWRIGHT_TENSORRT_OPTIONS`: `trt_builder_optimization_level=5`.
 * @throws RequestError for text of another form
 */
export function tensorRtOptionsOf(
  variables: NodeJS.ProcessEnv = process.env,
): Readonly<Record<string, string>> {
  return optionsOf('FRAMEWRIGHT_TENSORRT_OPTIONS', 'trt_builder_optimization_level=5', variables)
}
