import type { Backend, Device } from './backend.ts'
import { cudaOptionsOf } from './cuda-options.ts'
import { NativeBackend } from './native-backend.ts'
import { type NativeParts, nativeParts } from './native-parts.ts'
import { OnnxRuntimeBackend } from './onnxruntime-backend.ts'

/** Whether the backend of a device casts weights once, where they are stored in a wider type. */
export function castsWeightsOnce(device: Device, { addon }: NativeParts = nativeParts()): boolean {
  return takesNative(device, addon)
}

function takesNative(device: Device, addon: boolean): boolean {
  return addon && device.type === 'cuda'
}

/**
 * The backend of a device. On a GPU the native one where its addon was built, with our own kernels where those were
 * too: there what stays resident stays in the GPU's memory. Else onnxruntime-node, which needs neither.
 */
export function chooseBackend(
  options: { readonly device: Device; readonly threads: number },
  { addon, kernels }: NativeParts = nativeParts(),
): Backend {
  if (!takesNative(options.device, addon)) return new OnnxRuntimeBackend(options)
  return new NativeBackend({ ...options, kernels, cudaOptions: cudaOptionsOf() })
}
