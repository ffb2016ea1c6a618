import { invalidRequest } from '../errors.ts'
import { checkCuda, checkTensorRt, cudaAtHand } from './gpu-at-hand.ts'

export type Device =
  | { readonly type: 'cpu' }
  | {
      readonly type: 'cuda'
      readonly index: number
      /** What TensorRT runs there, before CUDA. @default nothing */
      readonly tensorRt?: TensorRtScope
    }

/** Graphs that TensorRT is given: decoders and vocoders, or those of transformers and text encoders too. */
export type TensorRtScope = 'decoder' | 'all'

/** The device as it is written: `cpu`, `cuda:0`, `tensorrt:0`, `tensorrt:0:all`. */
export function deviceText(device: Device): string {
  if (device.type === 'cpu') return 'cpu'
  const { index, tensorRt } = device
  if (tensorRt === undefined) return `cuda:${index}`
  return tensorRt === 'all' ? `tensorrt:${index}:all` : `tensorrt:${index}`
}

/**
 * Multiples of keys that attention with a bias takes. Without cuDNN's attention a GPU takes ONNX Runtime's memory-efficient
 * kernel, which reads rows of the bias in whole vectors and fails where the number of keys breaks them.
 */
export function keyMultipleOn({ type }: Device): number {
  return type === 'cpu' ? 1 : 8
}

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
  throw invalidRequest('device', 'one, or two of a kind such as cuda:0,cuda:1', text)
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
  throw invalidRequest(
    'device',
    'auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N',
    text,
    'Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.',
  )
}
