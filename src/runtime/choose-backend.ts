import type { Backend } from './backend.ts'
import { cudaOptionsOf } from './cuda-options.ts'
import type { Device } from './device.ts'
import { NativeBackend } from './native-backend.ts'
import { withoutAddon } from './native-binding.ts'
import { type NativeParts, nativeParts } from './native-parts.ts'
import { OnnxRuntimeBackend } from './onnxruntime-backend.ts'
import { usualTensorRt } from './tensorrt-options.ts'

/**
 * Whether the native backend runs the graphs of a device: on a GPU where its addon was built, and for TensorRT, which no other
 * one has. What it keeps, weights that were cast once among it, is in the GPU's memory.
 */
export function isNative(device: Device, parts: () => NativeParts = nativeParts): boolean {
  return device.type === 'cuda' && (device.tensorRt !== undefined || parts().addon)
}

/**
 * The backend of a device. The native one has our own kernels where those were built; onnxruntime-node needs nothing of
 * ours.
 * @throws BackendError runtime/provider for TensorRT where the addon was not built
 */
export function chooseBackend(
  options: { readonly device: Device; readonly threads: number },
  parts: () => NativeParts = nativeParts,
): Backend {
  if (!isNative(options.device, parts)) return new OnnxRuntimeBackend(options)
  const { addon, kernels } = parts()
  if (!addon) throw withoutAddon()
  const native = { cudaOptions: cudaOptionsOf(), tensorRt: usualTensorRt() }
  return new NativeBackend({ ...options, ...native, kernels })
}
