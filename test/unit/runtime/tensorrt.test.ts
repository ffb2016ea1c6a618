import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Session } from '../../../src/runtime/backend.ts'
import { chooseBackend } from '../../../src/runtime/choose-backend.ts'
import { deviceText, parseDeviceName } from '../../../src/runtime/device.ts'
import { openConfig } from '../../../src/runtime/native-config.ts'
import { sessionPerShape } from '../../../src/runtime/session-per-shape.ts'
import {
  engineFolder,
  type InputShapes,
  tensorRtOptionsOf,
  tensorRtProviderOptions,
} from '../../../src/runtime/tensorrt-options.ts'
import { locateTensorRtLibraries, missingTensorRt } from '../../../src/runtime/tensorrt-provider.ts'
import type { Feed } from '../../../src/tensor/resident.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()
const session = {
  graph: { precision: 'f32', key: 'decoder-0123' },
  shapes: { x: [1, 2] },
  weightsFolder: '/',
} as const

describe('a device with TensorRT', () => {
  test.each([
    ['tensorrt', { type: 'cuda', index: 0, tensorRt: 'decoder' }, 'tensorrt:0'],
    ['tensorrt:2', { type: 'cuda', index: 2, tensorRt: 'decoder' }, 'tensorrt:2'],
    ['tensorrt:2:all', { type: 'cuda', index: 2, tensorRt: 'all' }, 'tensorrt:2:all'],
    ['tensorrt:all', { type: 'cuda', index: 0, tensorRt: 'all' }, 'tensorrt:0:all'],
    ['cuda:1', { type: 'cuda', index: 1 }, 'cuda:1'],
  ])('%s is read and written', (text, device, written) => {
    const found = parseDeviceName(text)
    expect(found).toEqual(device)
    expect(deviceText(found)).toBe(written)
    expect(parseDeviceName(written)).toEqual(device)
  })

  test.each(['tensorrt:', 'tensorrt:x', 'tensorrt:1:decoder', 'tensorrtx', 'cuda:1:all'])(
    'is not %j',
    text => {
      expect(() => parseDeviceName(text)).toThrow(
        `device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got ${text}.`,
      )
    },
  )

  test('needs the native backend', () => {
    const parts = { addon: false, kernels: undefined }
    expect(() => chooseBackend({ device: parseDeviceName('tensorrt'), threads: 0 }, () => parts)).toThrow(
      'native backend: expected its addon at ',
    )
  })
})

describe('options of the provider', () => {
  test('let it compute in the type of the graph alone', () => {
    const enabled = (precision: 'f32' | 'f16' | 'bf16') => {
      const graph = { precision, key: 'a' }
      const options = tensorRtProviderOptions(0, { cacheFolder: '/c' }, { ...session, graph })
      return Object.keys(options).filter(name => /enable$|fallback$/.test(name) && !name.includes('cache'))
    }
    expect(enabled('f32')).toEqual([])
    expect(enabled('f16')).toEqual(['trt_fp16_enable', 'trt_layer_norm_fp32_fallback'])
    expect(enabled('bf16')).toEqual(['trt_bf16_enable'])
  })

  test('keep engines of other shapes, weights and networks apart', () => {
    const at = (key: string, shapes: InputShapes) => {
      return engineFolder({ cacheFolder: '/c' }, { ...session, graph: { precision: 'f32', key }, shapes })
    }
    expect(at('a', { x: [1, 2] })).toMatch(/^\/c\/a\/[0-9a-f]{16}$/)
    const places = [
      at('a', { x: [1, 2] }),
      at('a', { x: [2, 1] }),
      at('b', { x: [1, 2] }),
      at('a', { x: [] }),
    ]
    expect(new Set(places).size).toBe(4)
    expect(at('a', { x: [1], y: [2] })).toBe(at('a', { y: [2], x: [1] }))
  })

  test('come from the environment too, and win', () => {
    const others = tensorRtOptionsOf({ FRAMEWRIGHT_TENSORRT_OPTIONS: 'trt_fp16_enable=0, trt_dla_core=1' })
    const graph = { precision: 'f16', key: 'a' } as const
    const options = tensorRtProviderOptions(1, { cacheFolder: '/c', others }, { ...session, graph })
    expect(options).toMatchObject({ trt_fp16_enable: '0', trt_dla_core: '1', device_id: '1' })
    expect(() => tensorRtOptionsOf({ FRAMEWRIGHT_TENSORRT_OPTIONS: 'fast' })).toThrow(
      'FRAMEWRIGHT_TENSORRT_OPTIONS: expected options as name=value with commas between, such as trt_builder_optimization_level=5, got fast.',
    )
  })

  test('are those of graphs that TensorRT takes, with CUDA behind it', () => {
    const model = { name: 'g', bytes: new Uint8Array(), weightsFolder: '/', weightBytes: 0 }
    const device = parseDeviceName('tensorrt:1')
    const options = { device, threads: 1, tensorRt: { cacheFolder: '/c' } }
    const { graph, shapes } = session
    const config = openConfig({ ...model, tensorRt: graph }, options, { shapes }, {})
    expect(config.tensorRt?.options).toMatchObject({ device_id: '1', trt_profile_opt_shapes: 'x:1x2' })
    expect(config.tensorRt?.refits).toBe(false)
    expect(config.cuda?.device).toBe(1)
    expect(openConfig(model, options, {}, {}).tensorRt).toBeUndefined()
  })
})

test('a session is opened for every set of shapes once, and all are released', async () => {
  const opened: InputShapes[] = []
  let released = 0
  const open = async (shapes: InputShapes): Promise<Session> => {
    opened.push(shapes)
    return {
      name: 'g',
      run: async () => ({ tensors: {}, residents: {} }),
      release: async () => void released++,
    }
  }
  const wrapped = sessionPerShape('g', open)
  const feed = (...shape: number[]): Feed => {
    return tensor('f32', shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)))
  }
  await wrapped.run({ x: feed(1, 2), y: feed(3) })
  await wrapped.run({ y: feed(3), x: feed(1, 2) })
  await wrapped.run({ x: feed(2, 1), y: feed(3) })
  expect(opened).toEqual([
    { x: [1, 2], y: [3] },
    { x: [2, 1], y: [3] },
  ])
  await wrapped.release()
  expect(released).toBe(2)
})

test('a session that does not open is tried again the next time', async () => {
  let tries = 0
  const wrapped = sessionPerShape('g', async () => {
    tries++
    throw new Error('no memory')
  })
  await expect(wrapped.run({})).rejects.toThrow('no memory')
  await expect(wrapped.run({})).rejects.toThrow('no memory')
  expect(tries).toBe(2)
  await wrapped.release()
})

test('libraries are found where they were linked, by their real place', () => {
  const [folder, brought] = ['runtime', 'TensorRT-10.13/lib'].map(name => path.join(scratch, name)) as [
    string,
    string,
  ]
  for (const each of [folder, brought]) mkdirSync(each, { recursive: true })
  expect(missingTensorRt(folder, {})).toEqual([
    'libonnxruntime_providers_tensorrt.so',
    'libnvinfer.so.10',
    'libnvonnxparser.so.10',
  ])
  for (const name of ['libnvinfer.so.10.13.3', 'libnvonnxparser.so.10'])
    writeFileSync(path.join(brought, name), '')
  symlinkSync('libnvinfer.so.10.13.3', path.join(brought, 'libnvinfer.so.10'))
  symlinkSync(path.join(brought, 'libnvinfer.so.10'), path.join(folder, 'libnvinfer.so.10'))
  const found = locateTensorRtLibraries(folder, {})
  expect(found.get('libnvinfer.so.10')).toBe(realpathSync(path.join(brought, 'libnvinfer.so.10.13.3')))
  expect(missingTensorRt(folder, { LD_LIBRARY_PATH: brought })).toEqual([
    'libonnxruntime_providers_tensorrt.so',
  ])
})
