import { describe, expect, test } from 'vitest'
import { normSiluPlaces, normSiluWindows } from '../../../kernels/norm-silu-windows/op.ts'
import { Graph, type Value } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { evaluate, filler, mistakeIn, type Operand, symbols } from '../graph/ops/evaluate.ts'

const [channels, epsilon] = [3, 1e-6] as const
const frames: Operand = { shape: ['frames', channels, 'height', 'width'] }
const history: Operand = { shape: [2, channels, 'height', 'width'] }
const scale: Operand = { shape: [channels] }
const kernel = ['norm-silu-windows']

describe('frames', () => {
  test('are normalised over their channels, activated, and joined with the two before each', async () => {
    const [result] = await evaluate([frames, history, scale], (x, past, gamma) =>
      normSiluWindows(x!, past!, gamma!, epsilon),
    )
    const pixels = symbols.height * symbols.width
    const size = channels * pixels
    const [x, past, gamma] = [filler(symbols.frames * size), filler(2 * size, 1), filler(channels, 2)]
    const active = x.map((value, at) => {
      const frame = Math.floor(at / size) * size
      const column = Array.from({ length: channels }, (_, each) => x[frame + each * pixels + (at % pixels)]!)
      const squares = column.reduce((sum, each) => sum + each ** 2, 0) / channels
      const y = (value / Math.sqrt(squares + epsilon)) * gamma[Math.floor((at % size) / pixels)]!
      return y / (1 + Math.exp(-y))
    })
    const all = [...past, ...active]
    for (let window = 0; window < symbols.frames; window++) {
      const expected = all.slice(window * size, (window + 3) * size)
      const found = Array.from(result!.data as Float32Array).slice(3 * window * size, 3 * (window + 1) * size)
      for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 4)
    }
  })

  test('go through one node where the graph may use the kernel, and through ops of ONNX elsewhere', () => {
    const opsWith = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'f16', kernels: new Set(kernels) })
      const operands = [frames, history, scale].map(({ shape }, at) =>
        cast(graph.input(`${at}`, 'f32', shape), 'f16'),
      )
      const result = normSiluWindows(operands[0]!, operands[1]!, operands[2]!, epsilon)
      expect([result.dtype, result.shape]).toEqual(['f16', ['frames', 9, 'height', 'width']])
      return graph.nodes.slice(3).map(({ op }) => op)
    }
    expect(opsWith(kernel)).toEqual(['NormSiluWindows'])
    const windows = ['Concat', 'Slice', 'Slice', 'Slice', 'Concat']
    const norm = ['Transpose', 'RMSNormalization', 'Transpose', 'QuickGelu']
    expect(opsWith([])).toEqual([...norm, ...windows])
  })
})

const places: Operand = { shape: [6], integers: [1, 1, 0, 0, 1, 1] }
const shift: Operand = { shape: [channels] }

describe('frames of listed places', () => {
  test('are normalised over their channels, scaled, shifted and activated', async () => {
    const [result] = await evaluate([frames, scale, shift, places], (x, gamma, beta, listed) =>
      normSiluPlaces(x!, { scale: gamma!, shift: beta! }, cast(listed!, 'i32'), epsilon),
    )
    const pixels = symbols.height * symbols.width
    const size = channels * pixels
    const [x, gamma, beta] = [filler(symbols.frames * size), filler(channels, 1), filler(channels, 2)]
    const found = result!.data as Float32Array
    expect(found.length).toBe(6 * size)
    for (const [at, value] of found.entries()) {
      const frame = places.integers![Math.floor(at / size)]! * size
      const [channel, pixel] = [Math.floor((at % size) / pixels), at % pixels]
      const column = Array.from({ length: channels }, (_, each) => x[frame + each * pixels + pixel]!)
      const squares = column.reduce((sum, each) => sum + each ** 2, 0) / channels
      const y = (column[channel]! / Math.sqrt(squares + epsilon)) * gamma[channel]! + beta[channel]!
      expect(value).toBeCloseTo(y / (1 + Math.exp(-y)), 4)
    }
  })

  test('go through one node where the graph may use the kernel, and through ops of ONNX elsewhere', () => {
    const opsWith = (kernels: readonly string[]) => {
      const graph = new Graph('net', { precision: 'f16', kernels: new Set(kernels) })
      const [x, gamma, beta] = [frames, scale, shift].map(({ shape }, at) =>
        cast(graph.input(`${at}`, 'f32', shape), 'f16'),
      ) as [Value, Value, Value]
      const listed = graph.input('places', 'i32', ['3*windows'])
      const result = normSiluPlaces(x, { scale: gamma, shift: beta }, listed, epsilon)
      expect([result.dtype, result.shape]).toEqual(['f16', ['3*windows', channels, 'height', 'width']])
      return graph.nodes.slice(3).map(({ op }) => op)
    }
    expect(opsWith(kernel)).toEqual(['NormSiluPlaces'])
    expect(opsWith([])).toEqual([
      ...['Unsqueeze', 'Unsqueeze', 'Transpose', 'RMSNormalization', 'Transpose'],
      ...['Add', 'QuickGelu', 'Gather'],
    ])
  })

  test.each<[string, number, Operand, string]>([
    ['a shift of another size', 2, { shape: [4] }, 'a shift of [3], got [4].'],
    ['places of another dtype', 3, places, 'places in i32, got i64.'],
    [
      'places of another rank',
      3,
      { shape: [2, 3], integers: [0, 0, 0, 0, 0, 0] },
      'an operand of rank 1, got [2, 3].',
    ],
  ])('have operands that fit: %s', (_, at, operand, message) => {
    const wrong = mistakeIn(
      [frames, scale, shift, places].with(at, operand),
      (x, gamma, beta, listed) => normSiluPlaces(x!, { scale: gamma!, shift: beta! }, listed!, epsilon),
      kernel,
    )
    expect(wrong).toThrow(`net: blocks.3.attn: NormSiluPlaces: expected ${message}`)
  })
})

describe('a mistake is named:', () => {
  test.each<[string, number, Operand, string]>([
    [
      'frames of another rank',
      0,
      { shape: ['frames', channels, 'height'] },
      'an operand of rank 4, got [frames, 3, height].',
    ],
    [
      'one frame before',
      1,
      { shape: [1, channels, 'height', 'width'] },
      'a history of [2, 3, height, width], got [1, 3, height, width].',
    ],
    ['a history in another dtype', 1, { ...history, integers: [] }, 'operands in f32, got i64.'],
    ['a scale of another size', 2, { shape: [4] }, 'a scale of [3], got [4].'],
  ])('%s', (_, at, operand, message) => {
    const wrong = mistakeIn(
      [frames, history, scale].with(at, operand),
      (x, past, gamma) => normSiluWindows(x!, past!, gamma!, epsilon),
      kernel,
    )
    expect(wrong).toThrow(`net: blocks.3.attn: NormSiluWindows: expected ${message}`)
  })
})
