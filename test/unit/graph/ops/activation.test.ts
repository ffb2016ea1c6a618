import { expect, test } from 'vitest'
import { Graph, type Value } from '../../../../src/graph/graph.ts'
import { leakyRelu, quickGelu, silu, tanh } from '../../../../src/graph/ops/activation.ts'
import { exponential, logarithm } from '../../../../src/graph/ops/elementwise.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { runGraph } from '../../../graph-session.ts'

test.each([
  ['silu', silu, 1],
  ['quickGelu', quickGelu, 1.702],
] as const)('%s is x · sigmoid(alpha · x)', async (_, op, alpha) => {
  const graph = new Graph('activation', { precision: 'f32' })
  graph.output('y', op(graph.input('x', 'f32', ['count'])))
  const x = Float32Array.of(-30, -3, -0.5, 0, 0.5, 3, 30)
  const { y } = await runGraph(graph, { x: tensor('f32', [x.length], x) })
  const data = y!.data as Float32Array
  for (const [index, value] of x.entries()) {
    expect(data[index]).toBeCloseTo(value / (1 + Math.exp(-alpha * value)), 5)
  }
})

test.each([
  ['leakyRelu', (x: Value) => leakyRelu(x, 0.1), (value: number) => (value > 0 ? value : 0.1 * value)],
  ['tanh', tanh, Math.tanh],
  ['logarithm', (x: Value) => logarithm(exponential(x)), (value: number) => value],
] as const)('%s is its formula', async (_, op, formula) => {
  const graph = new Graph('activation', { precision: 'f32' })
  graph.output('y', op(graph.input('x', 'f32', ['count'])))
  const x = Float32Array.of(-3, -0.5, 0, 0.5, 3)
  const { y } = await runGraph(graph, { x: tensor('f32', [x.length], x) })
  for (const [index, value] of x.entries()) expect(y!.data[index]).toBeCloseTo(formula(value), 5)
})
