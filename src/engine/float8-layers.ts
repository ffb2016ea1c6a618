/** Linear layers of the denoising network in 8-bit floats: which they are, and what a GPU needs for them. */
import { RequestError } from '../errors.ts'
import type { Model } from '../pipeline/family.ts'
import type { GraphTarget } from '../runtime/backend.ts'
import { isAtLeast } from '../runtime/cuda-libraries.ts'
import type { Device } from '../runtime/device.ts'
import { oldestForFloat8 } from './compute-capability.ts'
import { type Gpu, nvidiaGpus } from './nvidia-gpus.ts'

/** Kernels that a GPU multiplies 8-bit floats with, by folder of kernels/. */
export const float8Kernels: ReadonlySet<string> = new Set(['linear', 'round-rows'])

/** Tells by its weight whether a linear layer of the network multiplies in 8-bit floats. */
export function float8Layers({ keepsPrecision }: Model): (key: string) => boolean {
  return key => !keepsPrecision.some(layers => layers.test(key))
}

/**
 * @param gpus those of the machine; where nvidia-smi is not there, what a GPU can do is not known before it runs
 * @throws RequestError `request/unsupported` where a GPU is to compute in fp8 and cannot, or has not the kernels for it, or
 *   TensorRT runs the network
 */
export async function checkFloat8(
  device: Device,
  { kernels = new Set() }: GraphTarget,
  gpus: () => Promise<readonly Pick<Gpu, 'name' | 'capability'>[]> = nvidiaGpus,
): Promise<void> {
  if (device.type === 'cpu') return
  if (device.tensorRt === 'all') {
    throw new RequestError('request/unsupported', {
      subject: 'precision',
      expected: 'bf16, f16 or f32 where TensorRT runs the whole network',
      got: 'fp8',
      advice: 'Use --device cuda for fp8.',
    })
  }
  const missing = [...float8Kernels].filter(name => !kernels.has(name))
  if (missing.length > 0) {
    throw new RequestError('request/unsupported', {
      subject: 'precision',
      expected: `bf16, f16 or f32 on a GPU without the kernels ${missing.join(' and ')}`,
      got: 'fp8',
      advice: 'Build them with "npm run build:native" and "npm run build:kernels", or use bf16.',
    })
  }
  const { name, capability } = (await gpus())[device.index] ?? {}
  if (capability === undefined || isAtLeast(capability, oldestForFloat8)) return
  throw new RequestError('request/unsupported', {
    subject: 'precision',
    expected: `bf16, f16 or f32 on a GPU of compute capability ${capability} (${name})`,
    got: 'fp8',
    advice: `Products of 8-bit floats need ${oldestForFloat8.join('.')} or newer: use bf16, or --device cpu to see the rounding.`,
  })
}
