import { existsSync } from 'node:fs'
import { BackendError, RequestError } from '../errors.ts'
import type { Device } from './backend.ts'
import { missingCudaLibraries } from './cuda-libraries.ts'
import { cudaProviderInstalled } from './cuda-provider.ts'
import { missingTensorRt } from './tensorrt-provider.ts'

/**
 * Reads a device: `cpu`, `cuda`, `cuda:1`, `tensorrt:1`, `tensorrt:1:all`, or `auto` for CUDA where a GPU, ONNX Runtime's provider for it and every
 * library that it needs are at hand, else the CPU.
 * @throws RequestError for anything else; BackendError for CUDA where the provider or a library is missing, which
 *   ONNX Runtime does not survive
 */
export function parseDevice(text: string): Device {
  if (text === 'auto') return cudaAtHand() ? { type: 'cuda', index: 0 } : { type: 'cpu' }
  const device = parseDeviceName(text)
  if (device.type === 'cuda') checkCuda(text)
  if (device.type === 'cuda' && device.tensorRt) checkTensorRt(text)
  return device
}

/**
 * Reads a device, or two of a kind with a comma between them.
 * @throws as `parseDevice`, and RequestError for two that differ in kind, or more
 */
export function parseDevices(text: string): readonly [Device, Device?] {
  const [first = '', second, ...more] = text.split(',')
  if (second === undefined) return [parseDevice(first)]
  const pair = [parseDevice(first), parseDevice(second)] as const
  if (more.length === 0 && pair[0].type === pair[1].type) return pair
  throw new RequestError('request/invalid', {
    subject: 'device',
    expected: 'one, or two of a kind such as cuda:0,cuda:1',
    got: text,
  })
}

/**
 * Reads a device that need not be there: `cpu`, `cuda`, `cuda:1`, `tensorrt:1`, `tensorrt:1:all`.
 * @throws RequestError for anything else
 */
export function parseDeviceName(text: string): Device {
  if (text === 'cpu') return { type: 'cpu' }
  const cuda = /^cuda(?::(\d{1,3}))?$/.exec(text)
  if (cuda) return { type: 'cuda', index: Number(cuda[1] ?? 0) }
  const tensorRt = /^tensorrt(?::(\d{1,3}))?(:all)?$/.exec(text)
  if (tensorRt) {
    return { type: 'cuda', index: Number(tensorRt[1] ?? 0), tensorRt: tensorRt[2] ? 'all' : 'decoder' }
  }
  throw new RequestError('request/invalid', {
    subject: 'device',
    expected: 'auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N',
    got: text,
    advice: 'Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.',
  })
}

function checkCuda(device: string): void {
  const subject = `device ${device}`
  if (!cudaProviderInstalled()) {
    throw new BackendError('runtime/provider', {
      subject,
      expected: "ONNX Runtime's CUDA provider",
      got: 'none installed',
      advice: 'Run "framewright setup cuda" to get it, or use --device cpu.',
    })
  }
  const missing = missingCudaLibraries().map(({ file }) => file)
  if (missing.length === 0) return
  throw new BackendError('runtime/provider', {
    subject,
    expected: 'the libraries of the driver, CUDA 13 and cuDNN 9',
    got: `no ${missing.join(', ')}`,
    advice: 'Run "framewright doctor" to see how to get them, or use --device cpu.',
  })
}

function checkTensorRt(device: string): void {
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

function cudaAtHand(): boolean {
  return gpuAtHand() && cudaProviderInstalled() && missingCudaLibraries().length === 0
}

/** Whether the system has a device of NVIDIA's driver: the first is Linux's, the second that of Linux in Windows. */
function gpuAtHand(): boolean {
  return process.platform === 'linux' && ['/dev/nvidiactl', '/dev/dxg'].some(existsSync)
}
