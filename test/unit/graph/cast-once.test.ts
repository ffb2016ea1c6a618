import { describe, expect, test } from 'vitest'
import { linearLayer } from '../../../kernels/linear/op.ts'
import { castOnce } from '../../../src/graph/cast-once.ts'
import { Graph } from '../../../src/graph/graph.ts'
import type { ExternalTensor } from '../../../src/graph/node.ts'
import { cast } from '../../../src/graph/ops/cast.ts'
import { add } from '../../../src/graph/ops/elementwise.ts'
import { matmulTransposed } from '../../../src/graph/ops/matmul.ts'
import type { DType } from '../../../src/tensor/dtype.ts'
import { bytesPerElement } from '../../../src/tensor/dtype.ts'

function stored(dtype: DType, rows: number, columns: number): ExternalTensor {
  return {
    ...{ dtype, shape: [rows, columns], file: '/weights', offset: 0 },
    bytes: bytesPerElement(dtype) * rows * columns,
  }
}

/** Three layers of 64 × 64, the last stored in 16 bits, and a bias of 64 numbers in f32. */
function network(): Graph {
  const graph = new Graph('network', { precision: 'bf16' })
  let x = cast(graph.input('x', 'f32', ['n', 64]), 'bf16')
  for (const [index, dtype] of (['f32', 'f32', 'bf16'] as const).entries()) {
    x = matmulTransposed(x, cast(graph.weight(`w${index}`, stored(dtype, 64, 64)), 'bf16'))
  }
  graph.output('y', cast(add(x, cast(graph.weight('b', stored('f32', 1, 64)), 'bf16')), 'f32'))
  return graph
}

const leaveBytes = 1000

describe('a graph whose weights are stored wider than it computes', () => {
  test('takes the cast weights as inputs, and leaves small ones and those of its type', () => {
    const { graph } = castOnce(network(), { leaveBytes })!
    const added = graph.inputs.slice(1)
    expect(graph.inputs[0]!.name).toBe('x')
    expect(added.map(({ dtype, shape }) => [dtype, shape])).toEqual([
      ['bf16', [64, 64]],
      ['bf16', [64, 64]],
    ])
    expect(graph.initializers.map(({ name }) => name)).toEqual(['w2', 'b'])
    const casts = graph.nodes.filter(({ op }) => op === 'Cast')
    expect(casts.map(({ inputs }) => inputs[0])).toEqual(['x', 'b', expect.stringContaining('Add')])
  })

  test('has the casts in graphs of so many stored bytes', () => {
    const bytes = 4 * 64 * 64
    const names = (groupBytes: number) =>
      castOnce(network(), { leaveBytes, groupBytes })!.casts.map(({ initializers }) =>
        initializers.map(({ name }) => name),
      )
    expect(names(2 * bytes)).toEqual([['w0', 'w1']])
    expect(names(2 * bytes - 1)).toEqual([['w0'], ['w1']])
    expect(names(1)).toEqual([['w0'], ['w1']])
  })

  test('gives what the casts are called in it', () => {
    const { graph, casts } = castOnce(network(), { leaveBytes, groupBytes: 1 })!
    const given = casts.flatMap(({ outputs }) => outputs.map(({ name }) => name))
    expect(given).toEqual(graph.inputs.slice(1).map(({ name }) => name))
    expect(casts.every(({ inputs }) => inputs.length === 0)).toBe(true)
  })
})

test('a graph without weights to cast is not cut', () => {
  const graph = new Graph('network', { precision: 'f32' })
  const wide = cast(graph.weight('w', stored('bf16', 64, 64)), 'f32')
  graph.output('y', matmulTransposed(graph.input('x', 'f32', ['n', 64]), wide))
  expect(castOnce(graph, { leaveBytes })).toBeUndefined()
})

test('the rounding of weights to 8-bit floats is cut off too, with its scales, and that of activations is not', () => {
  const graph = new Graph('network', { precision: 'bf16', kernels: new Set(['linear', 'round-rows']) })
  const x = cast(graph.input('x', 'f32', ['n', 64]), 'bf16')
  const floats = graph.weight('w', stored('bf16', 64, 64))
  graph.output('y', cast(linearLayer(x, { weight: { floats }, bias: undefined }), 'f32'))
  const { graph: rest, casts } = castOnce(graph, { leaveBytes })!
  expect(rest.inputs.slice(1).map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ['f8e4m3', [64, 64]],
    ['f32', [64, 1]],
  ])
  expect(rest.nodes.map(({ op }) => op)).toEqual(['Cast', 'RoundRows', 'LinearFloat8', 'Cast', 'Identity'])
  expect(
    casts.map(({ nodes, outputs }) => [nodes.map(({ op }) => op), outputs.map(({ dtype }) => dtype)]),
  ).toEqual([[['RoundRows'], ['f8e4m3', 'f32']]])
})
