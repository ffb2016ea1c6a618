import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { devicesFor } from '../../../src/engine/graph-source.ts'
import { parseDevice, parseDevices } from '../../../src/runtime/device.ts'

describe('a device', () => {
  it('is read from its name', () => {
    expect(parseDevice('cpu')).toEqual({ type: 'cpu' })
  })

  it.each(['gpu', 'cuda:', 'cuda:x', 'cuda:1234', 'CPU', ''])('is not %j', name => {
    const message = `device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got ${name}. Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.`
    expect(() => parseDevice(name)).toThrow(expect.objectContaining({ code: 'request/invalid', message }))
  })

  it.skipIf(existsSync('/dev/nvidiactl'))(
    'of a GPU is refused where there is none, whatever is installed',
    () => {
      expect(parseDevice('auto')).toEqual({ type: 'cpu' })
      const message =
        'device cuda:1: expected a GPU of NVIDIA with its driver, got none: the system has no /dev/nvidiactl or /dev/dxg. Use --device cpu; in a container, give it the GPU (docker run --gpus all).'
      for (const name of ['cuda:1', 'cuda:1,cuda:0']) {
        expect(() => parseDevices(name)).toThrow(
          expect.objectContaining({ code: 'runtime/provider', message }),
        )
      }
    },
  )

  it('is refused for a precision of another kind before what it needs is looked for', () => {
    for (const name of ['cuda', 'cuda:0,cuda:1', 'tensorrt']) {
      expect(() => devicesFor(name, 'int8')).toThrow(
        'precision: expected bf16, f16, f32 or fp8 on a GPU, got int8. Integers are for CPUs.',
      )
    }
    expect(() => devicesFor('cpu', 'bf16')).toThrow(
      'precision: expected f32, int8 or fp8 on a CPU, got bf16.',
    )
    expect(devicesFor('cpu', 'int8')).toEqual([{ type: 'cpu' }])
  })
})
