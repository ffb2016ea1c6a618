import { onnx } from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { parseDeviceName } from '../../../src/runtime/device.ts'

const kernels = new Set(['gated-residual', 'norm-modulate', 'qk-norm-rope'])

/** By graph: whether it is for TensorRT, its float type there, and the domains of its operators. */
async function loaded(device: string) {
  const checkpoint = await openCheckpoint('models/doodle/checkpoint', families)
  const source = graphSource(checkpoint, { device: parseDeviceName(device), requested: undefined })
  return await Promise.all(
    checkpoint.model.graphs.map(async ({ name, role }) => {
      const { bytes, tensorRt, castOnce } = await source.load(name, { kernels })
      const { graph, opsetImport } = onnx.ModelProto.decode(bytes)
      const domains = new Set(graph!.node!.map(({ domain }) => domain || 'ai.onnx'))
      const opset = opsetImport!.find(({ domain }) => !domain)?.version
      return { name, role, tensorRt, castOnce, domains: [...domains], opset: Number(opset) }
    }),
  )
}

describe('graphs for TensorRT', () => {
  test('are those of decoders, in standard operators without our kernels; CUDA has the others', async () => {
    const graphs = await loaded('tensorrt')
    const [taken, others] = [true, false].map(which =>
      graphs.filter(({ role }) => (role === 'vae') === which),
    )
    expect(taken!.length).toBeGreaterThan(1)
    for (const { name, tensorRt, castOnce, domains, opset } of taken!) {
      expect({ name, domains, opset, castOnce }).toEqual({
        name,
        domains: ['ai.onnx'],
        opset: 23,
        castOnce: undefined,
      })
      expect(tensorRt?.precision).toBe('f16')
      expect(tensorRt?.key).toMatch(new RegExp(`^${name.replaceAll(/[^\w.-]+/g, '-')}-[0-9a-f]{16}$`))
    }
    expect(others!.map(({ tensorRt }) => tensorRt)).toEqual(others!.map(() => undefined))
    expect(others!.flatMap(({ domains }) => domains)).toContain('framewright')
  })

  test('are all of them where that is asked for, each with a name of its own', async () => {
    const graphs = await loaded('tensorrt:0:all')
    expect(graphs.flatMap(({ domains }) => domains).every(domain => domain === 'ai.onnx')).toBe(true)
    expect(new Set(graphs.map(({ tensorRt }) => tensorRt!.key)).size).toBe(graphs.length)
    const transformers = graphs.filter(({ role }) => role === 'transformer')
    expect(transformers.map(({ tensorRt }) => tensorRt!.precision)).toEqual(transformers.map(() => 'bf16'))
  })

  test('keep the names of their engines from run to run', async () => {
    const keys = async () => (await loaded('tensorrt')).map(({ tensorRt }) => tensorRt?.key)
    expect(await keys()).toEqual(await keys())
  })

  test('are none on CUDA', async () => {
    expect((await loaded('cuda')).every(({ tensorRt }) => tensorRt === undefined)).toBe(true)
  })
})
