import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { checkFloat8 } from '../../../src/engine/float8-layers.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { fixture } from '../../fixtures.ts'

const checkpoint = await openCheckpoint(fixture('wan21-t2v/model'), families)
const cuda = { type: 'cuda', index: 0 } as const
const kernels = new Set(['linear', 'norm-modulate', 'round-rows'])

describe('fp8', () => {
  test('is taken by a CPU, and by a GPU with the kernels for it', async () => {
    await checkFloat8({ type: 'cpu' }, {})
    await checkFloat8(cuda, { kernels })
    await checkFloat8({ ...cuda, tensorRt: 'decoder' }, { kernels })
  })

  test.each(['8.9', '9.0', '12.0', undefined])(
    'is taken by a GPU of compute capability %s',
    async capability => {
      const gpus = async () => [{ name: 'a GPU', capability }]
      await checkFloat8(cuda, { kernels }, gpus)
    },
  )

  test('is refused by the GPU that has no products of 8-bit floats, before a weight is read', async () => {
    const gpus = async () => [
      { name: 'NVIDIA H200', capability: '9.0' },
      { name: 'NVIDIA A100', capability: '8.0' },
    ]
    const checkAt = (index: number) => checkFloat8({ type: 'cuda', index }, { kernels }, gpus)
    await checkAt(0)
    await expect(checkAt(1)).rejects.toThrow(
      'precision: expected bf16, f16 or f32 on a GPU of compute capability 8.0 (NVIDIA A100), got fp8. Products of 8-bit floats need 8.9 or newer: use bf16, or --device cpu to see the rounding.',
    )
  })

  test.each([
    [{}, 'linear and round-rows'],
    [{ kernels: new Set(['linear']) }, 'round-rows'],
  ])('is refused by a GPU without them: %o', async (target, missing) => {
    await expect(checkFloat8(cuda, target)).rejects.toThrow(
      `precision: expected bf16, f16 or f32 on a GPU without the kernels ${missing}, got fp8. Build them with "npm run build:native" and "npm run build:kernels", or use bf16.`,
    )
  })

  test('is refused where TensorRT runs the whole network', async () => {
    const device = { ...cuda, tensorRt: 'all' } as const
    await expect(checkFloat8(device, { kernels })).rejects.toThrow(
      'precision: expected bf16, f16 or f32 where TensorRT runs the whole network, got fp8. Use --device cuda for fp8.',
    )
  })

  test.each([
    [cuda, 'fp8', ['linear', 'round-rows']],
    [cuda, undefined, []],
    [{ type: 'cpu' }, 'fp8', []],
  ] as const)(
    'on %o graphs of %s are planned with its kernels alone: %o',
    async (device, requested, planned) => {
      const { kernels } = await graphSource(checkpoint, { device, requested }).graph('transformer')
      expect([...kernels]).toEqual(planned)
    },
  )
})
