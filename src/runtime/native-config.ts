import type { ResidentTensor } from '../tensor/resident.ts'
import type { GraphModel, OpenOptions } from './backend.ts'
import { usualCudaOptions } from './cuda-options.ts'
import type { Device } from './device.ts'
import type { OpenConfig } from './native-binding.ts'
import type { KernelLibrary } from './native-parts.ts'
import { type SessionConfig, sessionConfig } from './session-config.ts'
import {
  type InputShapes,
  type TensorRtOptions,
  type TensorRtSession,
  tensorRtProviderOptions,
} from './tensorrt-options.ts'
import { locateTensorRtLibraries } from './tensorrt-provider.ts'

export interface NativeOptions {
  readonly device: Device
  /** Threads of a run on a CPU; 0 for one per core. */
  readonly threads: number
  /** Options of the CUDA provider besides `device_id`, by ONNX Runtime's names; they win over {@link usualCudaOptions}. */
  readonly cudaOptions?: Readonly<Record<string, string>>
  /** How TensorRT is used, on a device that has it. */
  readonly tensorRt?: TensorRtOptions
  /** Our own kernels, for graphs that were built to use them. */
  readonly kernels?: KernelLibrary | undefined
  /** Files of further custom-operator libraries, registered in every session. */
  readonly libraries?: readonly string[]
}

export interface NativeOpenOptions extends OpenOptions {
  /** Config entries of the session, by their whole key; they win over the usual ones. */
  readonly config?: Readonly<Record<string, string>>
  /** Shapes of the inputs of every run, for a graph that TensorRT takes. */
  readonly shapes?: InputShapes
  /** Residents that stand in for the graph's initializers of these names: weights that sessions share. */
  readonly initializers?: Readonly<Record<string, ResidentTensor>>
}

/** How the addon opens a session: as the default backend does, with what only this one can set. */
export function openConfig(
  model: GraphModel,
  { device, threads, cudaOptions, tensorRt, kernels, libraries = [] }: NativeOptions,
  { config, profile, shapes }: NativeOpenOptions,
  initializers: OpenConfig['initializers'],
): OpenConfig {
  const base = sessionConfig(model, device, threads)
  return {
    optimizationLevel: optimizationLevels[base.graphOptimizationLevel],
    executionMode: executionModes[base.executionMode],
    intraOpThreads: base.intraOpNumThreads,
    interOpThreads: base.interOpNumThreads,
    logSeverity: base.logSeverityLevel,
    entries: { ...flatEntries(base), ...config },
    cuda: device.type === 'cpu' ? undefined : cudaConfig(device.index, cudaOptions),
    tensorRt:
      device.type === 'cuda' && tensorRt && shapes && model.tensorRt
        ? tensorRtConfig(device.index, tensorRt, {
            graph: model.tensorRt,
            shapes,
            weightsFolder: model.weightsFolder,
          })
        : undefined,
    libraries: kernels ? [kernels.file, ...libraries] : libraries,
    initializers,
    profile,
  }
}

function cudaConfig(device: number, options: NativeOptions['cudaOptions']): OpenConfig['cuda'] {
  return { device, options: { ...usualCudaOptions, ...options, device_id: String(device) } }
}

function tensorRtConfig(
  device: number,
  options: TensorRtOptions,
  session: TensorRtSession,
): OpenConfig['tensorRt'] {
  const provider = tensorRtProviderOptions(device, options, session)
  return {
    libraries: [...locateTensorRtLibraries().values()].flatMap(file => file ?? []),
    options: provider,
    refits: provider.trt_weight_stripped_engine_enable === '1',
  }
}

/** GraphOptimizationLevel and ExecutionMode of the C API. */
const optimizationLevels = { all: 99 } as const satisfies Record<
  SessionConfig['graphOptimizationLevel'],
  number
>
const executionModes = { sequential: 0 } as const satisfies Record<SessionConfig['executionMode'], number>

/** `{ session: { a: '1' } }` as onnxruntime-node takes it → `session.a` = 1, as ONNX Runtime names it. */
function flatEntries({ extra }: SessionConfig): Record<string, string> {
  const groups = Object.entries(extra)
  return Object.fromEntries(
    groups.flatMap(([group, entries]) =>
      Object.entries(entries).map(([key, value]) => [`${group}.${key}`, value]),
    ),
  )
}
