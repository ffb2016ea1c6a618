import type { Diagnosis } from '../engine/doctor.ts'
import type { SetupCudaOptions } from '../engine/setup-cuda.ts'
import type { SetupTensorRtOptions } from '../engine/setup-tensorrt.ts'
import type { PullEvent } from '../hub/events.ts'
import { composition } from './engine.ts'

/** Looks at everything that making a video needs on this machine. */
export async function diagnose(): Promise<Diagnosis> {
  const { diagnoseInstallation } = await import('../engine/doctor.ts')
  return await diagnoseInstallation(composition.createBackend)
}

/**
 * Puts ONNX Runtime's CUDA provider of the runtime's own version where the runtime looks for it. Iterate to run it.
 * @throws BackendError where there is none or it cannot be placed; HubError when it cannot be fetched; CancelledError
 *   after an abort
 */
export async function* installCudaProvider(options: SetupCudaOptions = {}): AsyncGenerator<PullEvent> {
  const { setupCuda } = await import('../engine/setup-cuda.ts')
  yield* setupCuda(options)
}

/**
 * Links TensorRT's libraries of a folder to the runtime, with ONNX Runtime's provider for them. Iterate to run it.
 * @throws BackendError where the folder has no TensorRT 10, or there is no provider for the runtime; HubError when it
 *   cannot be fetched; CancelledError after an abort
 */
export async function* installTensorRtProvider(options: SetupTensorRtOptions): AsyncGenerator<PullEvent> {
  const { setupTensorRt } = await import('../engine/setup-tensorrt.ts')
  yield* setupTensorRt(options)
}
