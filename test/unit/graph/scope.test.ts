import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Graph } from '../../../src/graph/graph.ts'
import { Scope } from '../../../src/graph/scope.ts'
import { toBfloat16Bits } from '../../../src/tensor/float16.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { openWeights, type Weights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
let weights: Weights

beforeAll(async () => {
  const tensors = new Map<string, Tensor>([
    ['blocks.0.attn.weight', tensor('f32', [2, 3], new Float32Array(6))],
    ['blocks.0.norm.weight', tensor('bf16', [3], new Uint16Array(3).fill(toBfloat16Bits(1)))],
    ['embed.weight', tensor('bf16', [4, 3], new Uint16Array(12))],
  ])
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  weights = await openWeights(folder)
})

function scopeOf(precision: 'f32' | 'bf16'): { graph: Graph; scope: Scope } {
  const graph = new Graph('net', { precision })
  return { graph, scope: new Scope(graph, new WeightLedger(weights).graph('net')) }
}

describe('a scope', () => {
  test('is the prefix of its weights, and of the nodes made in it', () => {
    const { graph, scope } = scopeOf('bf16')
    scope.in('blocks.0', block =>
      block.in('attn', attn => {
        expect(attn.path).toBe('blocks.0.attn')
        expect(graph.path).toBe('blocks.0.attn')
        attn.weight('weight', [2, 3])
      }),
    )
    expect(graph.initializers.map(each => each.name)).toEqual(['blocks.0.attn.weight'])
    expect(graph.nodes.map(node => node.name)).toEqual(['blocks.0.attn/Cast'])
  })

  test('gives weights in the precision of the graph, cast from what is stored', () => {
    const { graph, scope } = scopeOf('f32')
    const stored = scope.weight('blocks.0.attn.weight', [2, 3])
    const wider = scope.weight('blocks.0.norm.weight', [3])
    expect([stored.dtype, wider.dtype]).toEqual(['f32', 'f32'])
    expect(graph.nodes.map(node => node.op)).toEqual(['Cast'])
  })

  test('gives a weight in another dtype, or under another shape, where it is asked to', () => {
    const { scope } = scopeOf('bf16')
    const norm = scope.weight('blocks.0.norm.weight', [3], { dtype: 'f32', as: [3, 1, 1] })
    expect(norm).toMatchObject({ dtype: 'f32', shape: [3, 1, 1] })
  })

  test('gathers rows of a table as it is stored, under the first name there is, and casts them', () => {
    const { graph, scope } = scopeOf('f32')
    const ids = graph.input('ids', 'i64', ['tokens'])
    const rows = scope.rows(['shared.weight', 'embed.weight'], [4, 3], ids)
    expect(rows).toMatchObject({ dtype: 'f32', shape: ['tokens', 3] })
    expect(graph.nodes.map(node => node.op)).toEqual(['Gather', 'Cast'])
  })

  test('names a tensor that is missing or of another shape by its whole key', () => {
    const { scope } = scopeOf('f32')
    scope.in('blocks.0.attn', attn => {
      expect(() => attn.weight('bias', [2])).toThrow(
        /expected a tensor blocks\.0\.attn\.bias, got none of that name/,
      )
      expect(() => attn.weight('weight', [3, 2])).toThrow(
        /model\.safetensors: blocks\.0\.attn\.weight: expected shape \[3, 2\], got \[2, 3\]\.$/,
      )
    })
  })
})
