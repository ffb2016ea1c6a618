import { describe, expect, test } from 'vitest'
import { foldedValues } from '../../../src/graph/folded-values.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { withIntegerProducts } from '../../../src/graph/integer-products.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../../src/graph/ops/matmul.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { unitValues } from '../../../src/weights/random-weights.ts'
import { relativeError } from '../../compare.ts'
import { runGraph } from '../../graph-session.ts'

const units = unitValues()
const random = (shape: number[], start: number, factor = 1): Tensor<'f32'> => {
  const count = shape.reduce((a, b) => a * b, 1)
  return tensor(
    'f32',
    shape,
    units.slice(start, start + count).map(value => factor * value),
  )
}

function linear(out: number, width: number): Graph {
  const graph = new Graph('linear', { precision: 'f32' })
  const x = graph.input('x', 'f32', [1, 'tokens', width])
  const product = matmulTransposed(x, graph.constant(random([out, width], 7, 1 / Math.sqrt(width))))
  graph.named('product', product)
  graph.output('y', add(product, 1))
  return graph
}

const run = async (graph: Graph, x: Tensor) => (await runGraph(graph, { x })).y!.data as Float32Array

describe.each([false, true])('integer products, mapped: %s', mapped => {
  test('are the linear layer to within 8 bits of every row', async () => {
    const graph = linear(96, 128)
    const x = random([1, 33, 128], 100_000)
    // Rows of very different sizes, and one of zeros.
    x.data.forEach((value, index) => {
      x.data[index] = value * 10 ** ((Math.floor(index / 128) % 7) - 3)
    })
    x.data.fill(0, 0, 128)
    const [exact, rounded] = [await run(graph, x), await run(withIntegerProducts(graph, { mapped }), x)]
    expect([...rounded.subarray(0, 96)]).toEqual(new Array(96).fill(1))
    for (let row = 1; row < 33; row++) {
      const products = [exact, rounded].map(each =>
        [...each.subarray(96 * row, 96 * (row + 1))].map(y => y - 1),
      )
      expect(relativeError(products[1]!, products[0]!)).toBeLessThan(row % 7 === 0 ? 0.1 : 0.02)
      expect(products[1]).not.toEqual(products[0])
    }
  })

  test('with inputs of 7 bits are half as exact', async () => {
    const x = random([1, 9, 128], 100_000)
    const exact = await run(linear(96, 128), x)
    const seven = await run(withIntegerProducts(linear(96, 128), { mapped, inputBits: 7 }), x)
    const products = [exact, seven].map(each => [...each].map(y => y - 1))
    expect(relativeError(products[1]!, products[0]!)).toBeLessThan(0.03)
    expect(relativeError(products[1]!, products[0]!)).toBeGreaterThan(0.005)
  })

  test('are in the place of every wide layer, under its names', () => {
    const graph = withIntegerProducts(linear(96, 128), { mapped })
    expect(graph.nodes.filter(({ op }) => op === 'MatMulInteger')).toHaveLength(1)
    expect(graph.nodes.filter(({ op }) => op === 'FusedMatMul')).toHaveLength(0)
    expect([...graph.intermediates.keys()]).toEqual(['product'])
    const narrow = withIntegerProducts(linear(16, 128), { mapped })
    expect(narrow.nodes.map(({ op }) => op)).toContain('FusedMatMul')
  })

  test('round weights when the session is opened, unless those stay in their files', () => {
    const graph = withIntegerProducts(linear(96, 128), { mapped })
    const folded = [...foldedValues(graph)].map(name =>
      elementCount(graph.values.get(name)!.shape.map(Number)),
    )
    const largest = Math.max(0, ...folded)
    if (mapped) expect(largest).toBeLessThan(96 * 128)
    else expect(largest).toBe(96 * 128)
  })
})
