import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { linearLayer } from '../../../kernels/linear/op.ts'
import { rowsInFloat8 } from '../../../kernels/round-rows/reference.ts'
import { families } from '../../../models/index.ts'
import { Graph, type Value } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { Scope } from '../../../src/graph/scope.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import { linear } from '../../../src/nn/linear.ts'
import { toBfloat16Bits } from '../../../src/tensor/float16.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { toFloat32 } from '../../../src/weights/to-float32.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { relativeError } from '../../compare.ts'
import { runGraph } from '../../graph-session.ts'
import { scratchFolder } from '../../scratch.ts'
import { evaluate, filler, mistakeIn, numbersOf } from '../graph/ops/evaluate.ts'

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** The values that e4m3 has from 0 on, in order: every byte without a sign but the one that is no number. */
const magnitudes = [...toFloat32(tensor('f8e4m3', [256], bytes)).data.subarray(0, 127)]

/** To the nearest e4m3, halves to the one whose last bit is 0, at most 448. */
function nearest(value: number): number {
  const size = Math.min(Math.abs(value), 448)
  const above = magnitudes.findIndex(each => each >= size)
  const [low, high] = [magnitudes[Math.max(above - 1, 0)]!, magnitudes[above]!]
  const middle = (low + high) / 2
  const up = size > middle || (size === middle && above % 2 === 0)
  return Math.sign(value) * (up ? high : low)
}

/** A matrix of numbers rounded row by row, as f64. */
function rounded(numbers: ArrayLike<number>, width: number): number[] {
  return Array.from(numbers, (value, at) => {
    const from = Math.floor(at / width) * width
    const largest = Math.max(
      ...Array.from({ length: width }, (_, column) => Math.abs(numbers[from + column]!)),
    )
    const scale = Math.max(Math.fround(largest * Math.fround(1 / 448)), Math.fround(1e-30))
    return nearest(Math.fround(value / scale)) * scale
  })
}

/** x · wᵀ of rows, in f64. */
function productOf(x: readonly number[], w: readonly number[], width: number): number[] {
  const out = w.length / width
  return Array.from({ length: (x.length / width) * out }, (_, at) => {
    const [row, column] = [Math.floor(at / out), at % out]
    let sum = 0
    for (let k = 0; k < width; k++) sum += x[row * width + k]! * w[column * width + k]!
    return sum
  })
}

const inFloats = (x: Value): Value[] => {
  const { elements, scales } = rowsInFloat8(x)
  return [cast(elements, 'f32'), scales]
}

const numbersIn = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number>)

describe('a row in 8-bit floats', () => {
  test('has the nearest e4m3 of every element, halves to even, and 448 for the largest', async () => {
    const between = magnitudes.slice(1).map((value, at) => (value + magnitudes[at]!) / 2)
    const beside = between.flatMap(value => [value * (1 - 1e-6), value, value * (1 + 1e-6)])
    const numbers = [...magnitudes, ...beside].flatMap(value => [value, -value]).map(Math.fround)
    const [elements, scales] = await evaluate([{ shape: [1, numbers.length], numbers }], x => inFloats(x!))
    expect([...scales!.data]).toEqual([1])
    expect(numbersIn(elements!).map(value => value + 0)).toEqual(numbers.map(value => nearest(value) + 0))
  })

  test('has a scale of its own, and one above 0 where all are 0', async () => {
    const row = filler(32)
    const factors = [1, 1e20, 1e-20, 0]
    const numbers = factors.flatMap(factor => row.map(value => Math.fround(factor * value)))
    const [elements, scales] = await evaluate([{ shape: [4, 32], numbers }], x => inFloats(x!))
    const values = numbersIn(elements!).map((value, at) => value * Number(scales!.data[at >> 5]))
    expect(relativeError(values.slice(0, 96), rounded(numbers, 32).slice(0, 96))).toBeLessThan(1e-6)
    for (const at of [0, 1, 2]) {
      const part = [values, numbers].map(each => each.slice(32 * at, 32 * (at + 1)))
      expect(relativeError(part[0]!, part[1]!)).toBeLessThan(0.04)
      expect(part[0]).not.toEqual(part[1])
    }
    expect(values.slice(96).map(Math.abs)).toEqual(Array(32).fill(0))
    expect(Number(scales!.data[3])).toBeGreaterThan(0)
  })

  test('is no number throughout where one of its elements is infinite', async () => {
    const numbers = [1, Number.POSITIVE_INFINITY, 2, 3, 4, 5]
    const [elements, scales] = await evaluate([{ shape: [2, 3], numbers }], x => inFloats(x!))
    expect(Number(elements!.data[1]) * Number(scales!.data[0])).toBeNaN()
    expect(Number(elements!.data[5]) * Number(scales!.data[1])).toBeCloseTo(5, 4)
  })
})

test('a product in 8-bit floats is that of the rounded rows of both', async () => {
  const [x, w] = [filler(5 * 48), filler(32 * 48, 3)]
  const operands = [
    { shape: [1, 5, 48], numbers: x },
    { shape: [32, 48], numbers: w },
  ]
  const found = await numbersOf(operands, (rows, floats) =>
    linearLayer(rows!, { weight: { floats: floats! }, bias: undefined }),
  )
  expect(relativeError(found, productOf(rounded(x, 48), rounded(w, 48), 48))).toBeLessThan(1e-6)
  expect(relativeError(found, productOf(x, w, 48))).toBeGreaterThan(0.005)
})

describe('a linear layer', () => {
  const [rows, weight, bias] = [
    { shape: ['batch', 'tokens', 24] },
    { shape: [16, 24] },
    { shape: [16] },
  ] as const

  test('is the product with the weight, the bias and GELU after it', async () => {
    for (const active of [false, true]) {
      const found = await numbersOf([rows, weight, bias], (x, w, b) =>
        linearLayer(x!, { weight: w!, bias: b!, gelu: active }),
      )
      const sums = productOf(filler(2 * 5 * 24), filler(16 * 24, 1), 24)
      const expected = sums.map((sum, at) => {
        const y = sum + filler(16, 2)[at % 16]!
        return active ? 0.5 * y * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (y + 0.044715 * y ** 3))) : y
      })
      expect(relativeError(found, expected)).toBeLessThan(1e-6)
    }
  })

  test.each([
    {
      about: 'with a bias and GELU',
      gelu: true,
      added: 0,
      own: ['Linear'],
      ops: ['FusedMatMul', 'Add', 'Gelu'],
    },
    { about: 'with a bias', gelu: false, added: 0, own: ['Linear'], ops: ['FusedMatMul', 'Add'] },
    {
      about: 'with an adapter before the GELU',
      gelu: true,
      added: 1,
      own: ['Linear', 'Add', 'Gelu'],
      ops: ['FusedMatMul', 'Add', 'Add', 'Gelu'],
    },
    {
      about: 'without a bias',
      gelu: false,
      added: 0,
      bare: true,
      own: ['FusedMatMul'],
      ops: ['FusedMatMul'],
    },
  ])('is one node where the graph may use the kernel, and ops of ONNX elsewhere: $about', of => {
    const build = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'f32', kernels: new Set(kernels) })
      const [x, w, b] = [rows, weight, bias].map(({ shape }, at) => graph.input(`i${at}`, 'f32', shape))
      const added = Array.from({ length: of.added }, () =>
        graph.input('added', 'f32', ['batch', 'tokens', 16]),
      )
      const y = linearLayer(x!, { weight: w!, bias: of.bare ? undefined : b!, added, gelu: of.gelu })
      expect([y.dtype, y.shape]).toEqual(['f32', ['batch', 'tokens', 16]])
      return graph.nodes
    }
    expect(build(['linear']).map(({ op }) => op)).toEqual(of.own)
    expect(build([]).map(({ op }) => op)).toEqual(of.ops)
    const [node] = build(['linear']).filter(({ op }) => op === 'Linear')
    if (node) expect(node.attributes).toEqual({ gelu: { float: of.gelu && of.added === 0 ? 1 : 0 } })
  })

  test.each([
    ['a weight of [out, 24], got [16, 25].', [rows, { shape: [16, 25] }, bias]],
    ['a weight of [out, 24], got [24].', [rows, { shape: [24] }, bias]],
    ['a bias of [16], got [24].', [rows, weight, { shape: [24] }]],
  ] as const)('names a mistake: %s', (message, operands) => {
    expect(mistakeIn(operands, (x, w, b) => linearLayer(x!, { weight: w!, bias: b! }))).toThrow(
      `net: blocks.3.attn: Linear: expected ${message}`,
    )
  })
})

describe('a product in 8-bit floats with kernels', () => {
  const kernels = new Set(['linear', 'round-rows'])
  const inputs = (graph: Graph) =>
    [
      graph.input('x', 'f32', ['tokens', 32]),
      graph.input('w', 'f32', [16, 32]),
      graph.input('b', 'f32', [16]),
    ] as const

  test('rounds x once for all layers that read it, and a weight by its rows', () => {
    const graph = new Graph('net', { precision: 'f32', kernels })
    const [x, floats, bias] = inputs(graph)
    for (const gelu of [false, true]) {
      const y = linearLayer(x, { weight: { floats: graph.input(`w${gelu}`, 'f32', [16, 32]) }, bias, gelu })
      expect([y.dtype, y.shape]).toEqual(['f32', ['tokens', 16]])
    }
    linearLayer(x, { weight: { floats }, bias: undefined })
    const rounding = graph.nodes.filter(({ op }) => op === 'RoundRows')
    expect(rounding.map(({ inputs: [of] }) => of)).toEqual(['x', 'wfalse', 'wtrue', 'w'])
    const products = graph.nodes.filter(({ op }) => op === 'LinearFloat8')
    expect(products.map(({ attributes }) => attributes.gelu)).toEqual([
      { float: 0 },
      { float: 1 },
      { float: 0 },
    ])
  })

  test('takes e4m3 as it is stored, with the one scale of all rows for each', () => {
    const graph = new Graph('net', { precision: 'f32', kernels })
    const [x, , bias] = inputs(graph)
    const elements = graph.input('e', 'f8e4m3', [16, 32])
    linearLayer(x, { weight: { elements, scales: graph.input('s', 'f32', []) }, bias })
    expect(graph.nodes.map(({ op }) => op)).toEqual(['RoundRows', 'Mul', 'LinearFloat8'])
    linearLayer(x, { weight: { elements, scales: graph.input('rows', 'f32', [16]) }, bias })
    expect(graph.nodes.at(-1)!.inputs.slice(2, 4)).toEqual(['e', 'rows'])
  })

  test.each([['linear'], ['round-rows'], []])(
    'is of the ops of ONNX where one is left out: %j',
    (...names) => {
      const graph = new Graph('net', { precision: 'f32', kernels: new Set(names) })
      const [x, floats, bias] = inputs(graph)
      linearLayer(x, { weight: { floats }, bias })
      expect(graph.nodes.filter(({ domain }) => domain === 'framewright')).toEqual([])
    },
  )
})

test('a product in 8-bit floats takes a matrix of the width of x', () => {
  const operands = [{ shape: ['tokens', 32] }, { shape: [16, 48] }]
  expect(
    mistakeIn(operands, (x, floats) => linearLayer(x!, { weight: { floats: floats! }, bias: undefined })),
  ).toThrow('net: blocks.3.attn: Linear: expected a weight of [out, 32], got [16, 48].')
})

describe('a linear layer in 8-bit floats', () => {
  const folder = scratchFolder()
  const [out, width] = [32, 48]
  const stored = bytes.subarray(0, 126)
  const elements = tensor(
    'f8e4m3',
    [out, width],
    Uint8Array.from({ length: out * width }, (_, at) => stored[(at * 37) % 126]! | (at % 3 === 0 ? 0x80 : 0)),
  )
  const values = [...toFloat32(elements).data]
  const rowScales = Float32Array.from({ length: out }, (_, row) => 0.01 * (1 + row))
  const halves = tensor('bf16', [out, width], Uint16Array.from(filler(out * width, 2), toBfloat16Bits))
  const bias = tensor('f32', [out], Float32Array.from(filler(out, 5)))
  const scalar = (value: number) => tensor('f32', [], Float32Array.of(value))

  beforeAll(async () => {
    const layers: Record<string, Record<string, Tensor>> = {
      plain: { weight: elements },
      tensor: { weight: elements, scale_weight: scalar(0.02) },
      rows: { weight: elements, weight_scale: tensor('f32', [out, 1], rowScales) },
      blocks: { weight: elements, weight_scale_inv: tensor('f32', [1, 3], Float32Array.of(0.01, 0.02, 0.4)) },
      wide: { weight: halves },
      // Without the exponent of infinity.
      other: {
        weight: tensor(
          'f8e5m2',
          [out, width],
          elements.data.map(byte => byte & 0xbf),
        ),
      },
    }
    const tensors = Object.entries(layers).flatMap(([name, layer]) =>
      Object.entries({ ...layer, bias }).map(([key, each]) => [`${name}.${key}`, each] as const),
    )
    await writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors))
  })

  const x = Float32Array.from(filler(4 * width))

  async function layerOf(name: string, inFloat8: boolean) {
    const graph = new Graph('layer', { precision: 'f32' })
    const ledger = new WeightLedger(await openWeights(folder)).graph('layer', { inFloat8: () => inFloat8 })
    const y = linear(new Scope(graph, ledger), name, graph.input('x', 'f32', ['tokens', width]), out)
    graph.output('y', y)
    const results = await runGraph(graph, { x: tensor('f32', [4, width], x) })
    return { graph, y: [...(results.y!.data as Float32Array)] }
  }

  const biased = (product: number[]) => product.map((sum, at) => sum + bias.data[at % out]!)
  const scaledBy = (scaleOf: (row: number) => number) =>
    values.map((value, at) => value * scaleOf(Math.floor(at / width)))

  test.each([
    ['plain', () => 1],
    ['tensor', () => Math.fround(0.02)],
    ['rows', (row: number) => rowScales[row]!],
  ] as const)('takes e4m3 as it is stored: %s', async (name, scaleOf) => {
    const { y, graph } = await layerOf(name, true)
    expect(relativeError(y, biased(productOf(rounded(x, width), scaledBy(scaleOf), width)))).toBeLessThan(
      1e-6,
    )
    expect(graph.nodes.filter(({ op }) => op === 'ReduceMax')).toHaveLength(1)
  })

  test('rounds the rows of what is stored in floats, or in 8 bits of another kind', async () => {
    const floats = [...toFloat32(halves).data]
    const { y } = await layerOf('wide', true)
    const expected = biased(productOf(rounded(x, width), rounded(floats, width), width))
    expect(relativeError(y, expected)).toBeLessThan(1e-6)
    for (const name of ['blocks', 'other']) {
      const [exact, own] = [await layerOf(name, false), await layerOf(name, true)]
      expect(relativeError(own.y, exact.y)).toBeLessThan(0.08)
      expect(relativeError(own.y, exact.y)).toBeGreaterThan(1e-4)
      expect(own.graph.nodes.filter(({ op }) => op === 'ReduceMax')).toHaveLength(2)
    }
  })

  test('rounds no weight when the session is opened, nor before its input is there', async () => {
    const { graph } = await layerOf('wide', true)
    const [first] = graph.nodes.filter(({ inputs }) => inputs.includes('wide.weight'))
    expect(first!.op).toBe('Reshape')
    expect(graph.initializers.map(({ name }) => name)).not.toContain(first!.inputs[1])
  })

  test('stays in floats where its sizes are not multiples of 16', () => {
    const graph = new Graph('layer', { precision: 'f32' })
    wantedTensors(weights => {
      const scope = new Scope(graph, { ...weights, inFloat8: () => true })
      linear(scope, 'narrow', graph.input('x', 'f32', ['tokens', 32]), 24)
      linear(scope, 'odd', graph.input('z', 'f32', ['tokens', 24]), 32)
    })
    expect(graph.nodes.filter(({ op }) => op === 'ReduceMax')).toEqual([])
  })
})

describe('the families keep the precision', () => {
  /** Matrices of linear layers without the numbers of their layers, by whether they multiply in 8-bit floats. */
  async function layersOf({ family, model }: { family: (typeof families)[number]; model: string }) {
    const { index, components } = family.published.find(({ name }) => name === model)!
    const { graphs, keepsPrecision } = await family.load({
      folder: '/nowhere',
      index,
      components,
      defaults: {},
    })
    const kept = new Set<string>()
    const rounded = new Set<string>()
    for (const recipe of graphs.filter(({ role }) => role === 'transformer')) {
      wantedTensors(weights => {
        recipe.build(
          {
            ...weights,
            inFloat8(key) {
              const keeps = keepsPrecision.some(layers => layers.test(key))
              const name = key.replace(/\.weight$/, '').replaceAll(/\.\d+\./g, '.N.')
              ;(keeps ? kept : rounded).add(name)
              return !keeps
            },
          },
          'f32',
        )
      })
    }
    return { kept: [...kept].sort(), rounded: [...rounded].sort() }
  }

  const newest = families.flatMap(family => {
    return family.published.length > 0 ? [{ family, model: family.published.at(-1)!.name }] : []
  })

  test.each(newest)('of what $model enters and leaves by, and of its modulation', async of => {
    expect(await layersOf(of)).toMatchSnapshot()
  })
})
