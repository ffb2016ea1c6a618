/** Small graphs that the contract of backends is checked with. */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { serialize } from '../../src/graph/serialize.ts'
import type { GraphModel } from '../../src/runtime/backend.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** y = x + 1 and double = 2 · x, over [rows, 2]. */
export const twoOutputs = model('two outputs', graph => {
  const x = graph.input('x', 'f32', ['rows', 2])
  graph.output('y', add(x, 1))
  graph.output('double', multiply(x, 2))
})

/** sum = a + b, over [rows, 2]. */
export const sum = model('sum', graph => {
  graph.output('sum', add(graph.input('a', 'f32', ['rows', 2]), graph.input('b', 'f32', ['rows', 2])))
})

/** Some tens of milliseconds of work: y is x after products with a matrix that leaves equal columns as they are. */
export const slow = model('slow', graph => {
  const size = 384
  const weight = graph.constant(tensor('f32', [size, size], new Float32Array(size * size).fill(1 / size)))
  let value: Value = graph.input('x', 'f32', [size, size])
  for (let layer = 0; layer < 40; layer++) value = matmulTransposed(value, weight)
  graph.output('y', value)
})

/** y = x + a weight [2] that lies in weights.bin, five bytes in. */
export function weighted(weightsFolder: string): GraphModel {
  const external = { dtype: 'f32', shape: [2], file: 'weights.bin', offset: 5, bytes: 8 } as const
  const built = model('weighted', graph => {
    graph.output('y', add(graph.input('x', 'f32', ['rows', 2]), graph.weight('w', external)))
  })
  return { ...built, weightsFolder, weightBytes: 8 }
}

export function model(name: string, build: (graph: Graph) => unknown): GraphModel {
  const graph = new Graph(name, { precision: 'f32' })
  build(graph)
  return { name, bytes: serialize(graph, { locate: file => file }), weightsFolder: '/', weightBytes: 0 }
}
