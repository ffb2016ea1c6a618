import path from 'node:path'
import { BackendError } from '../errors.ts'
import { framewrightHome } from '../hub/environment.ts'
import type { Backend } from './backend.ts'
import { cudaOptionsOf } from './cuda-options.ts'
import { type Device, deviceText } from './device.ts'
import { NativeBackend } from './native-backend.ts'
import { type NativeParts, nativeParts } from './native-parts.ts'
import { OnnxRuntimeBackend } from './onnxruntime-backend.ts'
import { type TensorRtOptions, tensorRtOptionsOf } from './tensorrt-options.ts'
import { locateTensorRtLibraries } from './tensorrt-provider.ts'

/** Whether the backend of a device casts weights once, where they are stored in a wider type. */
export function castsWeightsOnce(device: Device): boolean {
  return device.type === 'cuda' && nativeParts().addon
}

/** Whether the backend of a device is fed residents without a copy. */
export function hasResidentsInPlace(device: Device, parts: () => NativeParts = nativeParts): boolean {
  return device.type === 'cpu' || parts().addon
}

/**
 * The backend of a device. On a GPU the native one where its addon was built, with our own kernels where those were
 * too: there what stays resident stays in the GPU's memory. Else onnxruntime-node, which needs neither.
 */
export function chooseBackend(
  options: { readonly device: Device; readonly threads: number },
  parts: () => NativeParts = nativeParts,
): Backend {
  const { device } = options
  if (device.type === 'cpu') return new OnnxRuntimeBackend(options)
  const { addon, kernels } = parts()
  if (!addon) {
    if (device.tensorRt) throw withoutAddon(device)
    return new OnnxRuntimeBackend(options)
  }
  return new NativeBackend({ ...options, kernels, cudaOptions: cudaOptionsOf(), tensorRt: usualTensorRt() })
}

/** Engines and timings are kept in the user's cache, for each version of TensorRT: one does not load those of another. */
function usualTensorRt(): TensorRtOptions {
  const [library] = locateTensorRtLibraries().values()
  const version = path.basename(library ?? 'libnvinfer')
  return { cacheFolder: path.join(framewrightHome(), 'tensorrt', version), others: tensorRtOptionsOf() }
}

function withoutAddon(device: Device): BackendError {
  return new BackendError('runtime/provider', {
    subject: `device ${deviceText(device)}`,
    expected: 'the native backend',
    got: 'none built',
    advice: 'Build it in a clone with "npm run build:native", or use --device cuda.',
  })
}
