import { describe, expect, it } from 'vitest'
import { cudaProviderInstalled } from '../../../src/runtime/cuda-provider.ts'
import { parseDevice } from '../../../src/runtime/device.ts'

describe('a device', () => {
  it('is read from its name', () => {
    expect(parseDevice('cpu')).toEqual({ type: 'cpu' })
  })

  it.each(['gpu', 'cuda:', 'cuda:x', 'cuda:1234', 'CPU', ''])('is not %j', name => {
    const message = `device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got ${name}. Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.`
    expect(() => parseDevice(name)).toThrow(expect.objectContaining({ code: 'request/invalid', message }))
  })

  it.skipIf(cudaProviderInstalled())('that needs a provider is refused where there is none', () => {
    expect(parseDevice('auto')).toEqual({ type: 'cpu' })
    const message =
      'device cuda:1: expected ONNX Runtime\'s CUDA provider, got none installed. Run "framewright setup cuda" to get it, or use --device cpu.'
    expect(() => parseDevice('cuda:1')).toThrow(
      expect.objectContaining({ code: 'runtime/provider', message }),
    )
  })
})
