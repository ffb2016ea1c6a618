import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { BackendError, RequestError } from '../errors.ts'
import type { Device } from './backend.ts'

/**
 * Reads a device: `cpu`, `cuda`, `cuda:1`, or `auto` for CUDA where its provider and a GPU are at hand, else the CPU.
 * @throws RequestError for anything else; BackendError for CUDA where ONNX Runtime has no provider for it
 */
export function parseDevice(text: string): Device {
  if (text === 'auto') return cudaAtHand() ? { type: 'cuda', index: 0 } : { type: 'cpu' }
  if (text === 'cpu') return { type: 'cpu' }
  const cuda = /^cuda(?::(\d{1,3}))?$/.exec(text)
  if (cuda) {
    if (!cudaProviderInstalled()) throw providerMissing(text)
    return { type: 'cuda', index: Number(cuda[1] ?? 0) }
  }
  throw new RequestError('request/invalid', {
    subject: 'device',
    expected: 'auto, cpu, cuda or cuda:N',
    got: text,
  })
}

function providerMissing(device: string): BackendError {
  return new BackendError('runtime/provider', {
    subject: `device ${device}`,
    expected: "ONNX Runtime's CUDA provider",
    got: 'none installed',
    advice: 'Run "framewright doctor" to see how to get it, or use --device cpu.',
  })
}

/** The folder of ONNX Runtime's libraries, where providers have to lie. */
export function runtimeFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  return path.join(path.dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch)
}

/** Whether the CUDA provider's library lies where ONNX Runtime looks for it. */
export function cudaProviderInstalled(): boolean {
  return existsSync(path.join(runtimeFolder(), 'libonnxruntime_providers_cuda.so'))
}

function cudaAtHand(): boolean {
  return process.platform === 'linux' && existsSync('/dev/nvidiactl') && cudaProviderInstalled()
}
