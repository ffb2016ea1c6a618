import { expect, test } from 'vitest'
import { GraphError } from '../../../../src/errors.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { expandLike, reshape } from '../../../../src/graph/ops/layout.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { runGraph } from '../../../graph-session.ts'

test('expandLike repeats axes of size 1 to a shape that is known only at run time', async () => {
  const graph = new Graph('expand', { precision: 'f32' })
  const x = graph.input('x', 'f32', [1, 2])
  const like = graph.input('like', 'f32', ['rows', 3, 2])
  graph.output('y', expandLike(x, like))
  const { y } = await runGraph(graph, {
    x: tensor('f32', [1, 2], Float32Array.of(5, 7)),
    like: tensor('f32', [2, 3, 2], new Float32Array(12)),
  })
  expect(y).toEqual(tensor('f32', [2, 3, 2], Float32Array.from([5, 7, 5, 7, 5, 7, 5, 7, 5, 7, 5, 7])))
})

test('expandLike refuses a shape that does not broadcast', () => {
  const graph = new Graph('expand', { precision: 'f32' })
  const x = graph.input('x', 'f32', [2])
  expect(() => expandLike(x, graph.input('like', 'f32', ['rows', 3]))).toThrow(GraphError)
  expect(() => expandLike(graph.input('y', 'f32', [1, 1, 1]), x)).toThrow(GraphError)
})

test('reshape keeps an axis of unknown size that nothing divides', () => {
  const graph = new Graph('reshape', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['8*frames+1', 16, '4*height', '4*width'])
  expect(reshape(x, ['=', 8, 2, '*']).shape).toEqual(['8*frames+1', 8, 2, '16*height*width'])
  expect(() => reshape(x, ['=', 8, 3, '*'])).toThrow(GraphError)
  expect(() => reshape(x, ['=', 8, '=', '='])).toThrow(GraphError)
})
