/** Linear layers of the denoising network in 8-bit floats: which they are, and what a GPU needs for them. */
import { RequestError } from '../errors.ts'
import type { GraphRecipe, Model } from '../pipeline/family.ts'
import type { GraphTarget } from '../runtime/backend.ts'
import type { Device } from '../runtime/device.ts'

interface Asked {
  readonly device: Device
  /** The precision that the caller asked for. */
  readonly requested: string | undefined
}

/** Kernels that a GPU multiplies 8-bit floats with, by folder of kernels/. */
const float8Kernels: readonly string[] = ['linear', 'round-rows']

/** Tells by its weight whether a linear layer multiplies in 8-bit floats. */
export function float8Layers(
  { keepsPrecision }: Model,
  { role }: GraphRecipe,
  { requested }: Pick<Asked, 'requested'>,
): (key: string) => boolean {
  if (requested !== 'fp8' || role !== 'transformer') return () => false
  return key => !keepsPrecision.some(layers => layers.test(key))
}

/** Kernels that graphs of the precision are planned with, before a backend says which it has. */
export function plannedKernels({ device, requested }: Asked): GraphTarget {
  return requested === 'fp8' && device.type === 'cuda' ? { kernels: new Set(float8Kernels) } : {}
}

/**
 * @throws RequestError `request/unsupported` where a GPU is to compute in fp8 and has not the kernels for it, or TensorRT
 *   runs the network
 */
export function checkFloat8({ device, requested }: Asked, { kernels = new Set() }: GraphTarget): void {
  if (requested !== 'fp8' || device.type === 'cpu') return
  if (device.tensorRt === 'all') {
    throw new RequestError('request/unsupported', {
      subject: 'precision',
      expected: 'bf16, f16 or f32 where TensorRT runs the whole network',
      got: requested,
      advice: 'Use --device cuda for fp8.',
    })
  }
  const missing = float8Kernels.filter(name => !kernels.has(name))
  if (missing.length === 0) return
  throw new RequestError('request/unsupported', {
    subject: 'precision',
    expected: `bf16, f16 or f32 on a GPU without the kernels ${missing.join(' and ')}`,
    got: requested,
    advice: 'Build them with "npm run build:native" and "npm run build:kernels", or use bf16.',
  })
}
