import { expect, test } from 'vitest'
import { cudaOptionsOf } from '../../../src/runtime/cuda-options.ts'
import { openConfig } from '../../../src/runtime/native-config.ts'

const model = { name: 'graph', bytes: new Uint8Array(), weightsFolder: '/', weightBytes: 0 }
const device = { type: 'cuda', index: 1 } as const

test('the CUDA provider takes exactly the memory that is asked for', () => {
  const { cuda } = openConfig(model, { device, threads: 1 }, {}, {})
  expect(cuda).toEqual({ device: 1, options: { arena_extend_strategy: 'kSameAsRequested', device_id: '1' } })
})

test('further options of the CUDA provider come from the environment and win', () => {
  const text = 'fuse_conv_bias=1, prefer_nhwc=1,arena_extend_strategy=kNextPowerOfTwo'
  const cudaOptions = cudaOptionsOf({ FRAMEWRIGHT_CUDA_OPTIONS: text })
  const { cuda } = openConfig(model, { device, threads: 1, cudaOptions }, {}, {})
  expect(cuda?.options).toEqual({
    fuse_conv_bias: '1',
    prefer_nhwc: '1',
    arena_extend_strategy: 'kNextPowerOfTwo',
    device_id: '1',
  })
})

test.each([undefined, '', ' , '])('the environment may give none: %j', text => {
  expect(cudaOptionsOf({ FRAMEWRIGHT_CUDA_OPTIONS: text })).toEqual({})
})

test('an option without a value is refused', () => {
  expect(() => cudaOptionsOf({ FRAMEWRIGHT_CUDA_OPTIONS: 'prefer_nhwc' })).toThrow(
    'FRAMEWRIGHT_CUDA_OPTIONS: expected options as name=value with commas between, such as prefer_nhwc=1, got prefer_nhwc.',
  )
})
