import { describe, expect, test } from 'vitest'
import { GraphError } from '../../../src/errors.ts'
import { Graph } from '../../../src/graph/graph.ts'
import { add, multiply } from '../../../src/graph/ops/elementwise.ts'
import { tensor } from '../../../src/tensor/tensor.ts'

const weight = { dtype: 'f32', shape: [4], file: '/weights.safetensors', offset: 100, bytes: 16 } as const

describe('nodes', () => {
  test('are named by their scope and op, each once', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['n'])
    graph.within('blocks', () => graph.within('0', () => add(add(x, x), x)))
    add(x, x)
    expect(graph.nodes.map(node => node.name)).toEqual(['blocks.0/Add', 'blocks.0/Add#1', 'Add'])
  })

  test('belong to the scope again after one that failed', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const fail = () => {
      throw new Error('inside')
    }
    expect(() => graph.within('blocks', () => graph.within('0', fail))).toThrow('inside')
    expect(graph.path).toBe('')
  })

  test('take operands of their own graph only', () => {
    const [a, b] = [new Graph('a', { precision: 'f32' }), new Graph('b', { precision: 'f32' })]
    const [x, y] = [a.input('x', 'f32', ['n']), b.input('y', 'f32', ['n'])]
    expect(() => add(x, y)).toThrow(
      new GraphError('graph/invalid', {
        subject: 'a: Add',
        expected: 'operands of this graph',
        got: 'one of another graph',
      }),
    )
  })
})

describe('names of inputs, outputs and intermediates', () => {
  test('are what they are asked to be, or an error', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['n'])
    expect(graph.output('y', x).name).toBe('y')
    expect(() => graph.input('x', 'f32', ['n'])).toThrow(
      'net: input: expected a name of its own, got x, which is taken.',
    )
    expect(() => graph.output('x', x)).toThrow(
      'net: output: expected a name of its own, got x, which is taken.',
    )
    graph.named('middle', x)
    expect(() => graph.named('middle', x)).toThrow(
      'net: named: expected a name of its own, got middle, which is taken.',
    )
  })
})

describe('constants', () => {
  test('that are equal are one, by dtype, shape and numbers', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', ['n'])
    multiply(add(x, 2), 2)
    expect(graph.initializers).toHaveLength(1)
    graph.constant(tensor('f32', [1], Float32Array.of(2)))
    graph.constant(tensor('f32', [], Float32Array.of(3)))
    graph.constant(tensor('i64', [], BigInt64Array.of(2n)))
    expect(graph.initializers).toHaveLength(4)
  })
})

describe('weights', () => {
  test('that are used twice are one', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const first = graph.weight('norm.weight', weight)
    expect(graph.weight('norm.weight', weight)).toBe(first)
    expect(graph.initializers).toHaveLength(1)
    expect(first).toMatchObject({ name: 'norm.weight', dtype: 'f32', shape: [4] })
  })

  test('have one shape in a graph', () => {
    const graph = new Graph('net', { precision: 'f32' })
    graph.weight('norm.weight', weight)
    expect(() => graph.weight('norm.weight', weight, [2, 2])).toThrow(
      'net: norm.weight: expected the shape of its first use [4], got [2, 2].',
    )
  })
})
