/** Whether this machine has what sessions on a GPU need. */
import { existsSync } from 'node:fs'
import { BackendError } from '../errors.ts'
import { missingCudaLibraries } from './cuda-libraries.ts'
import { cudaProviderInstalled } from './cuda-provider.ts'
import { missingTensorRt } from './tensorrt-provider.ts'

/**
 * A GPU is looked for where something is missing, as the rest is of no use without one; where nothing is, the driver knows best.
 * @throws BackendError where the provider or a library is missing, which ONNX Runtime does not survive
 */
export function checkCuda(device: string): void {
  const hasProvider = cudaProviderInstalled()
  const missing = missingCudaLibraries().map(({ file }) => file)
  if (hasProvider && missing.length === 0) return
  const subject = `device ${device}`
  if (!gpuAtHand()) {
    throw new BackendError('runtime/provider', {
      subject,
      expected: 'a GPU of NVIDIA with its driver',
      got: `none: the system has no ${gpuFiles.join(' or ')}`,
      advice: 'Use --device cpu; in a container, give it the GPU (docker run --gpus all).',
    })
  }
  if (!hasProvider) {
    throw new BackendError('runtime/provider', {
      subject,
      expected: "ONNX Runtime's CUDA provider",
      got: 'none installed',
      advice: 'Run "framewright setup cuda" to get it, or use --device cpu.',
    })
  }
  throw new BackendError('runtime/provider', {
    subject,
    expected: 'the libraries of the driver, CUDA 13 and cuDNN 9',
    got: `no ${missing.join(', ')}`,
    advice: 'Run "framewright doctor" to see how to get them, or use --device cpu.',
  })
}

/** @throws BackendError where the provider or a library is missing */
export function checkTensorRt(device: string): void {
  const missing = missingTensorRt()
  if (missing.length === 0) return
  throw new BackendError('runtime/provider', {
    subject: `device ${device}`,
    expected: "ONNX Runtime's TensorRT provider and TensorRT 10",
    got: `no ${missing.join(', ')}`,
    advice:
      'Run "framewright setup tensorrt --from DIR" with the folder of TensorRT’s libraries, or use --device cuda.',
  })
}

export function cudaAtHand(): boolean {
  return gpuAtHand() && cudaProviderInstalled() && missingCudaLibraries().length === 0
}

/** Devices of NVIDIA's driver: Linux's, and that of Linux in Windows. */
const gpuFiles = ['/dev/nvidiactl', '/dev/dxg']

function gpuAtHand(): boolean {
  return process.platform === 'linux' && gpuFiles.some(existsSync)
}
