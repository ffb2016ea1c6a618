import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import proto from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { dtypeOfOnnx, onnxDType } from '../../../src/graph/onnx-dtype.ts'
import { silu } from '../../../src/graph/ops/activation.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { add, multiply } from '../../../src/graph/ops/elementwise.ts'
import { reshape, slice } from '../../../src/graph/ops/layout.ts'
import { layerNorm } from '../../../src/graph/ops/normalization.ts'
import { serialize } from '../../../src/graph/serialize.ts'
import type { DType } from '../../../src/tensor/dtype.ts'
import { toBfloat16Bits, toFloat16Bits } from '../../../src/tensor/float16.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { fixture } from '../../fixtures.ts'
import { runGraph } from '../../graph-session.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const locate = (file: string) => file.slice(1)

describe('external weights', () => {
  const numbers = [1.5, -2, 0.25, 8]

  test.each<[DType, number, (view: DataView, offset: number, value: number) => void]>([
    ['f32', 4, (view, offset, value) => view.setFloat32(offset, value, true)],
    ['f16', 2, (view, offset, value) => view.setUint16(offset, toFloat16Bits(value), true)],
    ['bf16', 2, (view, offset, value) => view.setUint16(offset, toBfloat16Bits(value), true)],
  ])('in %s are read where they lie, at any odd offset', async (dtype, size, write) => {
    for (const offset of [13, 101, 4099]) {
      const bytes = new Uint8Array(offset + 4 * size + 7).fill(0xff)
      numbers.forEach((value, index) => {
        write(new DataView(bytes.buffer), offset + index * size, value)
      })
      const file = join(folder, `${dtype}-${offset}.bin`)
      writeFileSync(file, bytes)
      const graph = new Graph('net', { precision: 'f32' })
      const x = graph.input('x', 'f32', [4])
      const weight = graph.weight('w', { dtype, shape: [4], file, offset, bytes: 4 * size })
      graph.output('y', multiply(x, cast(weight, 'f32')))
      const { y } = await runGraph(graph, { x: tensor('f32', [4], Float32Array.of(1, 1, 1, 1)) })
      expect([...(y!.data as Float32Array)]).toEqual(numbers)
    }
  })

  test('may be read under another shape', async () => {
    const file = join(folder, 'shape.bin')
    writeFileSync(file, new Uint8Array(Float32Array.from(numbers).buffer))
    const graph = new Graph('net', { precision: 'f32' })
    const weight = graph.weight('w', { dtype: 'f32', shape: [4, 1, 1], file, offset: 0, bytes: 16 }, [2, 2])
    graph.output('y', add(graph.input('x', 'f32', [2, 2]), weight))
    const { y } = await runGraph(graph, { x: tensor('f32', [2, 2], new Float32Array(4)) })
    expect(y!.shape).toEqual([2, 2])
    expect([...(y!.data as Float32Array)]).toEqual(numbers)
  })

  test('are spelled as the caller locates files, and are not in the model', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const external = {
      dtype: 'f32',
      shape: [1000],
      file: '/models/w.safetensors',
      offset: 77,
      bytes: 4000,
    } as const
    graph.output('y', graph.weight('w', external))
    const bytes = serialize(graph, { locate: file => `../${file.slice(8)}` })
    const [initializer] = proto.onnx.ModelProto.decode(bytes).graph!.initializer!
    expect(initializer!.externalData).toMatchObject([
      { key: 'location', value: '../w.safetensors' },
      { key: 'offset', value: '77' },
      { key: 'length', value: '4000' },
    ])
    expect(initializer!.dataLocation).toBe(proto.onnx.TensorProto.DataLocation.EXTERNAL)
    expect(bytes.length).toBeLessThan(400)
  })
})

describe('captured intermediates', () => {
  const build = () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['n', 2])
    const doubled = graph.within('blocks.0', () => graph.named('blocks.0', multiply(x, 2)))
    graph.output('y', graph.named('blocks.1', add(doubled, 1)))
    return graph
  }
  const x = tensor('f32', [2, 2], Float32Array.of(1, 2, 3, 4))

  test('are outputs under the names they were given', async () => {
    const results = await runGraph(build(), { x }, ['blocks.0', 'blocks.1'])
    expect(Object.keys(results).sort()).toEqual(['blocks.0', 'blocks.1', 'y'])
    expect([...(results['blocks.0']!.data as Float32Array)]).toEqual([2, 4, 6, 8])
    expect([...(results['blocks.1']!.data as Float32Array)]).toEqual([3, 5, 7, 9])
  })

  test('are left out when nobody asks', async () => {
    expect(Object.keys(await runGraph(build(), { x }))).toEqual(['y'])
  })

  test('have to be named in the graph', () => {
    expect(() => serialize(build(), { locate, capture: ['blocks.2'] })).toThrow(
      'net: capture: expected one of the named intermediates (blocks.0, blocks.1), got blocks.2.',
    )
  })
})

describe('the model', () => {
  test('says which operator sets it needs, and the shapes of its border', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f16', ['batch', '2*height', 8])
    graph.output('y', cast(reshape(x, ['=', '*']), 'u8'))
    const decoded = () => proto.onnx.ModelProto.decode(serialize(graph, { locate }))
    const sets = () => decoded().opsetImport.map(({ domain, version }) => [domain, Number(version)])
    const model = decoded()
    expect(sets()).toEqual([['', 23]])
    silu(x)
    expect(sets()).toEqual([
      ['', 23],
      ['com.microsoft', 1],
    ])
    const [input] = model.graph!.input!
    const [output] = model.graph!.output!
    expect(typeText(input!)).toBe('x 10 batch,2*height,8')
    expect(typeText(output!)).toBe('y 2 batch,16*height')
  })

  test('runs with every kind of attribute: whole numbers, fractions, lists, text', async () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['n', 4])
    graph.output('y', slice(layerNorm(x, 1e-5), 1, 0, -1))
    const { y } = await runGraph(graph, { x: tensor('f32', [1, 4], Float32Array.of(1, 2, 3, 4)) })
    expect([...(y!.data as Float32Array)].map(value => Number(value.toFixed(3)))).toEqual([
      -1.342, -0.447, 0.447,
    ])
  })

  test('is the same bytes every time', () => {
    const build = () => {
      const graph = new Graph('net', { precision: 'f32' })
      graph.output('y', layerNorm(graph.input('x', 'f32', ['n', 4]), 1e-5))
      return serialize(graph, { locate })
    }
    expect(build()).toEqual(build())
  })
})

describe('dtypes', () => {
  test('have the numbers of the ONNX standard, both ways', () => {
    const { DataType } = proto.onnx.TensorProto
    const names = {
      f64: 'DOUBLE',
      f32: 'FLOAT',
      f16: 'FLOAT16',
      bf16: 'BFLOAT16',
      i64: 'INT64',
      i32: 'INT32',
      i16: 'INT16',
      i8: 'INT8',
      u8: 'UINT8',
      bool: 'BOOL',
    } as const
    for (const [dtype, name] of Object.entries(names) as [DType, keyof typeof DataType][]) {
      expect(onnxDType(dtype)).toBe(DataType[name])
      expect(dtypeOfOnnx(DataType[name])).toBe(dtype)
    }
    // onnx-proto is older than the float8 types: their numbers are those of onnx.proto3.
    expect([onnxDType('f8e4m3'), onnxDType('f8e5m2')]).toEqual([17, 19])
    expect(dtypeOfOnnx(8)).toBeUndefined()
  })
})

test('a weight file is only read: its bytes are the same after a run', async () => {
  const file = join(folder, 'untouched.bin')
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer)
  writeFileSync(file, bytes)
  const graph = new Graph('net', { precision: 'f32' })
  const weight = graph.weight('w', { dtype: 'f32', shape: [2], file, offset: 0, bytes: 8 })
  graph.output('y', multiply(graph.input('x', 'f32', [2]), weight))
  await runGraph(graph, { x: tensor('f32', [2], Float32Array.of(3, 4)) })
  expect(new Uint8Array(readFileSync(file))).toEqual(bytes)
})

interface TypedValue {
  readonly name?: string | null
  readonly type?: {
    readonly tensorType?: {
      readonly elemType?: number | null
      readonly shape?: {
        readonly dim?: readonly { dimParam?: string | null; dimValue?: unknown }[] | null
      } | null
    } | null
  } | null
}

/** `name dtype dims`, as the model says them. */
function typeText({ name, type }: TypedValue): string {
  const dims = type?.tensorType?.shape?.dim?.map(({ dimParam, dimValue }) => dimParam || String(dimValue))
  return `${name} ${type?.tensorType?.elemType} ${dims}`
}

test('a graph is written as protocol buffers libraries write it', async () => {
  const { model, weights } = await openCheckpoint(fixture('wan21-t2v/model'), families)
  const extremes = new Graph('extremes', { precision: 'f32' })
  const x = extremes.input('x', 'f32', ['batch', 300, 2 ** 40])
  const attributes = {
    negative: { int: -1 },
    large: { int: 2 ** 53 - 1 },
    none: { ints: [] },
    several: { ints: [0, -129, 2 ** 33] },
    half: { float: -0.1 },
    text: { string: 'é' },
  }
  extremes.output('y', extremes.add({ op: 'Odd', inputs: [x, undefined, x], attributes }, 'f32', []))
  const graphs = model.graphs
    .filter(({ component }) => component !== 'image_encoder')
    .map(recipe => recipe.build(new WeightLedger(weights.get(recipe.component)!).graph(recipe.name), 'f32'))
  for (const graph of [extremes, ...graphs]) {
    const bytes = serialize(graph, { locate })
    const { ModelProto } = proto.onnx
    const again = ModelProto.encode(ModelProto.decode(bytes)).finish()
    expect(Buffer.from(bytes).equals(again), graph.name).toBe(true)
  }
})
