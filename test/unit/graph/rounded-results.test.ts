import { describe, expect, test } from 'vitest'
import { linearLayer } from '../../../kernels/linear/op.ts'
import { normModulate } from '../../../kernels/norm-modulate/op.ts'
import { residualNorm } from '../../../kernels/residual-norm/op.ts'
import { Graph, type Value } from '../../../src/graph/graph.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike } from '../../../src/graph/ops/layout.ts'
import { withRoundedResults } from '../../../src/graph/rounded-results.ts'
import type { FloatDType } from '../../../src/tensor/dtype.ts'

const rounding = ['linear', 'norm-modulate', 'residual-norm', 'round-rows']
const all = [...rounding, 'round-norm', 'round-sums']
const norm = { norm: 'layer', epsilon: 1e-6, offset: 1 } as const

interface Layer {
  readonly graph: Graph
  readonly x: Value
  readonly modulation: { readonly scale: Value; readonly shift: Value }
  /** A layer in 8-bit floats of the width of its input. */
  readonly layer: (of: Value, gelu?: boolean) => Value
}

function built(
  body: (parts: Layer) => void,
  { kernels = all, width = 32, dtype = 'bf16' as FloatDType } = {},
): Graph {
  const graph = new Graph('net', { precision: dtype, kernels: new Set(kernels) })
  const input = (name: string, shape: readonly (number | string)[]) => graph.input(name, 'f32', shape)
  const x = cast(input('x', ['batch', 'frames', 'tokens', width]), dtype)
  const modulation = { scale: input('scale', [width]), shift: input('shift', [width]) }
  let weights = 0
  const layer = (of: Value, gelu = false) => {
    const floats = cast(input(`w${weights++}`, [width, width]), dtype)
    return linearLayer(of, { weight: { floats }, bias: undefined, gelu })
  }
  body({ graph, x, modulation, layer })
  return withRoundedResults(graph)
}

/** The nodes of our kernels but for the rounding of weights, in their order. */
function ownOps({ nodes, values }: Graph): string[] {
  const own = nodes.filter(({ domain }) => domain === 'framewright')
  const ofWeights = ({ op, inputs }: (typeof own)[number]) =>
    op === 'RoundRows' && values.get(inputs[0]!)!.shape.length === 2
  return own.filter(node => !ofWeights(node)).map(({ op }) => op)
}

const give = (graph: Graph, y: Value, name = 'y') => graph.output(name, cast(y, 'f32'))

describe('a norm', () => {
  test('whose rows are only rounded gives them rounded, once for all layers that read them', () => {
    const graph = built(({ graph, x, modulation, layer }) => {
      const y = normModulate(x, modulation, norm)
      give(graph, layer(y), 'a')
      give(graph, layer(y), 'b')
    })
    expect(ownOps(graph)).toEqual(['RoundNorm', 'LinearFloat8', 'LinearFloat8'])
    const [round, ...products] = graph.nodes.filter(({ op }) => /RoundNorm|LinearFloat8/.test(op))
    for (const { inputs } of products) expect(inputs.slice(0, 2)).toEqual(round!.outputs)
    const [elements, scales] = round!.outputs.map(name => graph.values.get(name)!)
    expect([elements!.dtype, elements!.shape]).toEqual(['f8e4m3', ['batch', 'frames', 'tokens', 32]])
    expect([scales!.dtype, scales!.shape]).toEqual(['f32', ['batch', 'frames', 'tokens', 1]])
    expect(graph.outputs.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test('of a sum keeps the sum, under its name', () => {
    const graph = built(({ graph, x, modulation, layer }) => {
      const { rows, normalized } = residualNorm({ rows: x, update: x, name: 'sum' }, modulation, norm)
      give(graph, add(layer(normalized), rows))
    })
    expect(ownOps(graph)).toEqual(['RoundResidualNorm', 'LinearFloat8'])
    const node = graph.nodes.find(({ op }) => op === 'RoundResidualNorm')!
    expect(graph.intermediates.get('sum')!.name).toBe(node.outputs[0])
    expect(graph.nodes.find(({ op }) => op === 'Add')!.inputs).toContain(node.outputs[0])
    expect(node.outputs.map(name => graph.values.get(name)!.dtype)).toEqual(['bf16', 'f8e4m3', 'f32'])
  })

  test('is read as other rows, and for its shape', () => {
    const graph = built(({ graph, x, modulation, layer }) => {
      const y = normModulate(x, modulation, norm)
      const tokens = reshape(y, ['=', '*', 32])
      give(graph, reshapeLike(layer(tokens), y))
    })
    expect(ownOps(graph)).toEqual(['RoundNorm', 'LinearFloat8'])
    const view = graph.nodes.find(({ op }) => op === 'Reshape')!
    const { dtype, shape } = graph.values.get(view.outputs[0]!)!
    expect([dtype, shape]).toEqual(['f8e4m3', ['batch', 'frames*tokens', 32]])
    const product = graph.nodes.find(({ op }) => op === 'LinearFloat8')!
    expect(graph.values.get(product.outputs[0]!)!.shape).toEqual(['batch', 'frames*tokens', 32])
  })

  test.each<[string, (parts: Layer, y: Value) => void]>([
    ['a layer in 16 bits', ({ graph }, y) => give(graph, y, 'z')],
    ['the heads of its rows', ({ graph }, y) => give(graph, reshape(y, ['=', '=', '*', 16]), 'z')],
    ['whoever asks for it by name', ({ graph }, y) => graph.named('normalized', y)],
  ])('that %s reads too is rounded by itself', (_, also) => {
    const graph = built(parts => {
      const y = normModulate(parts.x, parts.modulation, norm)
      give(parts.graph, parts.layer(y))
      also(parts, y)
    })
    expect(ownOps(graph)).toEqual(['NormModulate', 'RoundRows', 'LinearFloat8'])
  })
})

describe('a product in 8-bit floats', () => {
  const twice = ({ graph, x, layer }: Layer) => give(graph, layer(layer(x, true)))

  test('whose result is only rounded gives its sums to what scales and rounds them', () => {
    const graph = built(twice)
    expect(ownOps(graph)).toEqual(['RoundRows', 'LinearFloat8', 'RoundSums', 'LinearFloat8'])
    const [first, last] = graph.nodes.filter(({ op }) => op === 'LinearFloat8')
    const sums = graph.nodes.find(({ op }) => op === 'RoundSums')!
    expect(first!.attributes).toEqual({ gelu: { float: 0 }, scaled: { float: 0 } })
    expect(sums.attributes).toEqual({ gelu: { float: 1 } })
    expect(sums.inputs).toEqual([first!.outputs[0], first!.inputs[1], first!.inputs[3], first!.inputs[4]])
    expect(last!.attributes).toEqual({ gelu: { float: 0 }, scaled: { float: 1 } })
    expect(last!.inputs.slice(0, 2)).toEqual(sums.outputs)
  })

  test.each([
    ['the kernel is left out', { kernels: [...rounding, 'round-norm'] }],
    ['its rows are wider than a block holds', { width: 16_400 }],
  ])('is scaled by itself where %s', (_, about) => {
    expect(ownOps(built(twice, about))).toEqual(['RoundRows', 'LinearFloat8', 'RoundRows', 'LinearFloat8'])
  })
})

test.each([
  ['without the kernels', { kernels: rounding }],
  ['wider than a block holds', { width: 8208 }],
])('a norm stays as it is %s', (_, about) => {
  const graph = built(({ graph, x, modulation, layer }) => {
    give(graph, layer(normModulate(x, modulation, norm)))
  }, about)
  expect(ownOps(graph)).toEqual(['NormModulate', 'RoundRows', 'LinearFloat8'])
})

test('a graph without such results is given back', () => {
  const graph = new Graph('net', { precision: 'bf16', kernels: new Set(all) })
  give(graph, cast(graph.input('x', 'f32', [2]), 'bf16'))
  expect(withRoundedResults(graph)).toBe(graph)
})
