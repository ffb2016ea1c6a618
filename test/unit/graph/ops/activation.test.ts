import { expect, test } from 'vitest'
import { Graph } from '../../../../src/graph/graph.ts'
import { quickGelu, silu } from '../../../../src/graph/ops/activation.ts'
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
