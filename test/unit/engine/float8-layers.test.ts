import { describe, expect, test } from 'vitest'
import { checkFloat8, plannedKernels } from '../../../src/engine/float8-layers.ts'

const cuda = { type: 'cuda', index: 0 } as const
const kernels = new Set(['linear', 'norm-modulate', 'round-rows'])

describe('fp8', () => {
  test('is taken by a CPU, and by a GPU with the kernels for it', () => {
    checkFloat8({ device: { type: 'cpu' }, requested: 'fp8' }, {})
    checkFloat8({ device: cuda, requested: 'fp8' }, { kernels })
    checkFloat8({ device: cuda, requested: 'bf16' }, {})
    checkFloat8({ device: { ...cuda, tensorRt: 'decoder' }, requested: 'fp8' }, { kernels })
  })

  test.each([
    [{}, 'linear and round-rows'],
    [{ kernels: new Set(['linear']) }, 'round-rows'],
  ])('is refused by a GPU without them: %o', (target, missing) => {
    expect(() => checkFloat8({ device: cuda, requested: 'fp8' }, target)).toThrow(
      `precision: expected bf16, f16 or f32 on a GPU without the kernels ${missing}, got fp8. Build them with "npm run build:native" and "npm run build:kernels", or use bf16.`,
    )
  })

  test('is refused where TensorRT runs the whole network', () => {
    const device = { ...cuda, tensorRt: 'all' } as const
    expect(() => checkFloat8({ device, requested: 'fp8' }, { kernels })).toThrow(
      'precision: expected bf16, f16 or f32 where TensorRT runs the whole network, got fp8. Use --device cuda for fp8.',
    )
  })

  test('is planned on a GPU with its kernels', () => {
    expect(plannedKernels({ device: cuda, requested: 'fp8' }).kernels).toEqual(
      new Set(['linear', 'round-rows']),
    )
    expect(plannedKernels({ device: cuda, requested: undefined })).toEqual({})
    expect(plannedKernels({ device: { type: 'cpu' }, requested: 'fp8' })).toEqual({})
  })
})
