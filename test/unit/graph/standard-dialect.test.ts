import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import type { Shape } from '../../../src/graph/dims.ts'
import { evaluateDim } from '../../../src/graph/dims.ts'
import { Graph, type Value } from '../../../src/graph/graph.ts'
import { quickGelu, silu } from '../../../src/graph/ops/activation.ts'
import { attention } from '../../../src/graph/ops/attention.ts'
import { matmulTransposed } from '../../../src/graph/ops/matmul.ts'
import { serialize } from '../../../src/graph/serialize.ts'
import { standardGraph } from '../../../src/graph/standard-dialect.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { relativeError } from '../../compare.ts'
import { runGraph } from '../../graph-session.ts'
import { filler } from './ops/evaluate.ts'

const sizes = { batch: 2, queries: 5, keys: 8 }
const width = 12

type Inputs = Readonly<Record<string, Shape>>

const rows = (count: string): Shape => ['batch', count, width]
const crossed: Inputs = { query: rows('queries'), key: rows('keys'), value: rows('keys') }
const self: Inputs = { query: rows('keys'), key: rows('keys'), value: rows('keys') }

const cases: Readonly<
  Record<string, { readonly inputs: Inputs; readonly build: (of: (name: string) => Value) => Value }>
> = {
  'a matrix product with a transposed weight': {
    inputs: { x: rows('keys'), w: [7, width] },
    build: of => matmulTransposed(of('x'), of('w')),
  },
  SiLU: { inputs: { x: rows('keys') }, build: of => silu(of('x')) },
  'the approximation of GELU': { inputs: { x: rows('keys') }, build: of => quickGelu(of('x')) },
  attention: {
    inputs: crossed,
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3 }),
  },
  'attention with a scale of its own': {
    inputs: crossed,
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, scale: 1 }),
  },
  'attention with a bias for every query': {
    inputs: { ...crossed, bias: ['batch', 1, 'queries', 'keys'] },
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, bias: of('bias') }),
  },
  'attention with a bias for every head': {
    inputs: { ...crossed, bias: [1, 3, 'queries', 'keys'] },
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, bias: of('bias') }),
  },
  'causal attention': {
    inputs: self,
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, causal: true }),
  },
  'attention to the first keys': {
    inputs: { ...crossed, lengths: ['batch'] },
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, keyLengths: of('lengths') }),
  },
  'attention to the first of a known number of keys': {
    inputs: { query: [2, 5, width], key: [2, 8, width], value: [2, 8, width], lengths: [2] },
    build: of => attention(of('query'), of('key'), of('value'), { heads: 3, keyLengths: of('lengths') }),
  },
}

describe('in operators of the standard', () => {
  test.each(Object.entries(cases))('%s gives the same', async (_, { inputs, build }) => {
    const graph = new Graph('net', { precision: 'f32' })
    const values = new Map(
      Object.entries(inputs).map(([name, shape]) => {
        return [name, graph.input(name, name === 'lengths' ? 'i32' : 'f32', shape)]
      }),
    )
    const result = build(name => values.get(name)!)
    graph.named('result', result)
    graph.output('y', result)
    const feeds = Object.entries(inputs).map(([name, dims], seed): [string, Tensor] => {
      const shape = dims.map(dim => evaluateDim(dim, sizes))
      if (name === 'lengths') return [name, tensor('i32', shape, Int32Array.of(3, 8))]
      return [name, tensor('f32', shape, Float32Array.from(filler(elementCount(shape), seed)))]
    })
    const standard = standardGraph(graph)
    expect(standard.nodes.every(({ domain }) => domain === '')).toBe(true)
    expect(domainsOf(graph)).toContain('com.microsoft')
    expect(domainsOf(standard)).not.toContain('com.microsoft')
    expect(standard.outputs.map(({ name, shape }) => [name, shape])).toEqual([['y', result.shape]])
    const [own, expected] = [
      await runGraph(standard, Object.fromEntries(feeds), ['result']),
      await runGraph(graph, Object.fromEntries(feeds)),
    ]
    expect(own.y!.shape).toEqual(expected.y!.shape)
    const error = relativeError(own.y!.data as Float32Array, expected.y!.data as Float32Array)
    expect(error).toBeLessThan(1e-5)
    expect(own.result!.data).toEqual(own.y!.data)
  })

  test('operators of our own kernels have no form', () => {
    const graph = new Graph('net', { precision: 'f32' })
    const x = graph.input('x', 'f32', [2])
    graph.output('y', graph.add({ op: 'Own', domain: 'framewright', inputs: [x] }, 'f32', [2]))
    expect(() => standardGraph(graph)).toThrow(
      'net: Own: expected an operator with a standard form, got framewright.Own.',
    )
  })

  test.each(families.flatMap(family => family.published.map(model => ({ family, model }))))(
    'every graph of $model.name is written',
    async ({ family, model }) => {
      const components = Object.fromEntries(
        Object.entries(model.components).map(([name, config]) => [name, shallow(name, config)]),
      )
      const named = Object.keys(components).map(name => [name, ['diffusers', name]])
      const index = { ...model.index, ...Object.fromEntries(named) }
      const { graphs } = await family.load({ folder: '/', index, components, defaults: {} })
      for (const recipe of graphs) {
        for (const precision of ['f32', 'bf16'] as const) {
          wantedTensors(weights => {
            const standard = standardGraph(recipe.build(weights, precision))
            expect(new Set(standard.nodes.map(({ domain }) => domain))).toEqual(new Set(['']))
          })
        }
      }
    },
  )
})

/** The config of a component, with few layers where it is a transformer: its layers are all alike. */
function shallow(name: string, config: object): object {
  return name.startsWith('transformer') ? { ...config, num_layers: 2 } : config
}

function domainsOf(graph: Graph): string {
  return Buffer.from(serialize(graph, { locate: file => file })).toString('latin1')
}
