import { expect, test } from 'vitest'
import { GraphError } from '../../../../src/errors.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { attention } from '../../../../src/graph/ops/attention.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { runGraph } from '../../../graph-session.ts'

const heads = 2
const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + seed))

test('keys beyond their row’s length get no weight', async () => {
  const graph = new Graph('attention', { precision: 'f32' })
  const query = graph.input('query', 'f32', ['batch', 'queries', 8])
  const key = graph.input('key', 'f32', ['batch', 'keys', 8])
  const keyLengths = graph.input('lengths', 'i32', ['batch'])
  graph.output('mixed', attention(query, key, key, { heads, keyLengths }))
  const run = async (keys: number, data: Float32Array) => {
    const { mixed } = await runGraph(graph, {
      query: tensor('f32', [1, 3, 8], numbers(24, 0)),
      key: tensor('f32', [1, keys, 8], data),
      lengths: tensor('i32', [1], Int32Array.of(2)),
    })
    return mixed!.data
  }
  const padded = numbers(32, 1)
  expect(await run(4, padded)).toEqual(await run(2, padded.slice(0, 16)))
})

test('key lengths of another type or rank are refused', () => {
  const graph = new Graph('attention', { precision: 'f32' })
  const x = graph.input('x', 'f32', ['batch', 'tokens', 8])
  const wide = graph.input('wide', 'i64', ['batch'])
  const mask = graph.input('mask', 'i32', ['batch', 'tokens'])
  expect(() => attention(x, x, x, { heads, keyLengths: wide })).toThrow(GraphError)
  expect(() => attention(x, x, x, { heads, keyLengths: mask })).toThrow(GraphError)
})
