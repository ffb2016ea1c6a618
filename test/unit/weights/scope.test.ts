import { describe, expect, test } from 'vitest'
import { FramewrightError } from '../../../src/errors.ts'
import type { DType } from '../../../src/tensor/dtype.ts'
import type { Weights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import type { TensorLocation } from '../../../src/weights/tensor-location.ts'

/** Weights of these tensors, each in /w/model.safetensors. */
function weightsOf(tensors: Readonly<Record<string, readonly [DType, readonly number[]]>>): Weights {
  const locations = Object.entries(tensors).map(([key, [dtype, shape]]): [string, TensorLocation] => [
    key,
    { key, dtype, shape, file: '/w/model.safetensors', offset: 0, bytes: 0 },
  ])
  return {
    folder: '/w',
    tensors: new Map(locations),
    files: [],
    stamps: [],
    metadata: new Map(),
    parameters: 0,
    bytes: 0,
  }
}

const weights = weightsOf({
  'blocks.0.attn1.to_q.weight': ['bf16', [8, 4]],
  'blocks.0.attn1.to_k.weight': ['bf16', [8, 4]],
  'blocks.0.norm.bias': ['f32', [4]],
  'proj_out.bias': ['f32', [16]],
  position_ids: ['i64', [1, 7]],
})

function thrown(act: () => unknown): { code: string; message: string } {
  try {
    act()
  } catch (error) {
    if (!FramewrightError.is(error)) throw error
    return { code: error.code, message: error.message }
  }
  throw new Error('expected an error, got none')
}

describe('take', () => {
  test('returns where the tensor is', () => {
    const location = new WeightLedger(weights).graph('transformer').take('blocks.0.attn1.to_q.weight', [8, 4])
    expect(location).toBe(weights.tensors.get('blocks.0.attn1.to_q.weight'))
  })

  test('returns another shape of as many elements when it is asked to', () => {
    const graph = new WeightLedger(weights).graph('transformer')
    const location = graph.take('proj_out.bias', [16], { as: [1, 4, 4] })
    expect(location).toEqual({ ...weights.tensors.get('proj_out.bias'), shape: [1, 4, 4] })
    expect(thrown(() => graph.take('blocks.0.norm.bias', [4], { as: [5] }))).toEqual({
      code: 'graph/invalid',
      message: 'blocks.0.norm.bias: expected a shape of as many elements as [4], got [5].',
    })
  })

  test.each([[[4, 8]], [[32]], [[8, 4, 1]], [[]]])('refuses the shape %j for [8, 4]', shape => {
    const graph = new WeightLedger(weights).graph('transformer')
    expect(thrown(() => graph.take('blocks.0.attn1.to_q.weight', shape))).toEqual({
      code: 'checkpoint/tensors',
      message: `/w/model.safetensors: blocks.0.attn1.to_q.weight: expected shape [${shape.join(', ')}], got [8, 4].`,
    })
  })

  test('refuses integers unless they are asked for', () => {
    const graph = new WeightLedger(weights).graph('encoder')
    expect(thrown(() => graph.take('position_ids', [1, 7]))).toEqual({
      code: 'checkpoint/tensors',
      message:
        '/w/model.safetensors: position_ids: expected f32 or bf16 or f16 or f8e4m3 or f8e5m2 or f64, got i64.',
    })
    expect(graph.take('position_ids', [1, 7], { dtypes: ['i64'] }).dtype).toBe('i64')
  })

  test('lists the closest names when there is none of the name', () => {
    const graph = new WeightLedger(weights).graph('transformer')
    const { code, message } = thrown(() => graph.take('blocks.0.attn1.to_v.weight', [8, 4]))
    expect(code).toBe('checkpoint/tensors')
    expect(message).toMatch(
      /^\/w: expected a tensor blocks\.0\.attn1\.to_v\.weight, got none of that name\. The closest names there are blocks\.0\.attn1\.to_[qk]\.weight, blocks\.0\.attn1\.to_[qk]\.weight, /,
    )
    expect(thrown(() => new WeightLedger(weightsOf({})).graph('vae').take('x', [])).message).toBe(
      '/w: expected a tensor x, got none of that name.',
    )
  })

  test('refuses a second use in one graph, and allows one in another', () => {
    const ledger = new WeightLedger(weights)
    const encoder = ledger.graph('encoder')
    encoder.take('proj_out.bias', [16])
    expect(thrown(() => encoder.take('proj_out.bias', [16]))).toEqual({
      code: 'graph/invalid',
      message: 'encoder: proj_out.bias: expected one use, got a second one.',
    })
    expect(ledger.graph('decoder').take('proj_out.bias', [16]).shape).toEqual([16])
  })

  test('does not count a refused tensor as used', () => {
    const ledger = new WeightLedger(weights)
    thrown(() => ledger.graph('a').take('proj_out.bias', [15]))
    expect(ledger.unused()).toContain('proj_out.bias')
  })
})

describe('takeOneOf', () => {
  const names = ['shared.weight', 'encoder.embed_tokens.weight'] as const

  test.each([
    ['the first', { 'shared.weight': ['bf16', [6, 2]] }, 'shared.weight'],
    ['the second', { 'encoder.embed_tokens.weight': ['bf16', [6, 2]] }, 'encoder.embed_tokens.weight'],
    [
      'both',
      { 'encoder.embed_tokens.weight': ['bf16', [6, 2]], 'shared.weight': ['bf16', [6, 2]] },
      'shared.weight',
    ],
  ] as const)('uses %s of two tied tensors, and all that are there count as used', (_, tensors, key) => {
    const ledger = new WeightLedger(weightsOf(tensors))
    expect(ledger.graph('encoder').takeOneOf(names, [6, 2]).key).toBe(key)
    expect(() => ledger.assertAllUsed()).not.toThrow()
  })

  test('refuses tied tensors that differ', () => {
    const shapes = weightsOf({
      'shared.weight': ['bf16', [6, 2]],
      'encoder.embed_tokens.weight': ['bf16', [5, 2]],
    })
    expect(thrown(() => new WeightLedger(shapes).graph('e').takeOneOf(names, [6, 2]))).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringContaining('encoder.embed_tokens.weight: expected shape [6, 2], got [5, 2]'),
    })
    const dtypes = weightsOf({
      'shared.weight': ['bf16', [6, 2]],
      'encoder.embed_tokens.weight': ['f32', [6, 2]],
    })
    expect(thrown(() => new WeightLedger(dtypes).graph('e').takeOneOf(names, [6, 2])).message).toContain(
      'encoder.embed_tokens.weight: expected bf16, as shared.weight that it is tied to, got f32.',
    )
  })

  test('names all the names when there is none of them', () => {
    const { message } = thrown(() => new WeightLedger(weights).graph('e').takeOneOf(names, [6, 2]))
    expect(message).toContain('expected a tensor shared.weight or encoder.embed_tokens.weight, got none')
  })
})

describe('finish', () => {
  test('passes when every tensor was used by some graph or is ignored', () => {
    const ledger = new WeightLedger(weights)
    const [one, two] = [ledger.graph('one'), ledger.graph('two')]
    one.take('blocks.0.attn1.to_q.weight', [8, 4])
    two.take('blocks.0.attn1.to_k.weight', [8, 4])
    two.take('blocks.0.norm.bias', [4])
    // A global pattern keeps a position between calls; each key is matched from its front all the same.
    expect(() => ledger.assertAllUsed({ ignored: ['position_ids', /^proj_out\./g] })).not.toThrow()
    expect(() => ledger.assertAllUsed({ ignored: ['position_ids', /^proj_out\./g] })).not.toThrow()
  })

  test('lists what is left, with dtype and shape', () => {
    const ledger = new WeightLedger(weights)
    const graph = ledger.graph('transformer')
    expect(graph.has('proj_out.bias')).toBe(true)
    expect(graph.has('proj_out.weight')).toBe(false)
    expect(thrown(() => ledger.assertAllUsed({ ignored: [/attn1/, 'norm.bias'] }))).toEqual({
      code: 'checkpoint/tensors',
      message:
        '/w: expected only tensors that the model uses, got 3 unexpected: blocks.0.norm.bias (f32 [4]), ' +
        'proj_out.bias (f32 [16]), position_ids (i64 [1, 7]). ' +
        'The checkpoint is of another model or version than its config says.',
    })
  })

  test('lists ten of many, and counts the rest', () => {
    const many = Object.fromEntries(
      Array.from({ length: 13 }, (_, index) => [`t${index}`, ['f32', [1]] as const]),
    )
    const { message } = thrown(() => new WeightLedger(weightsOf(many)).assertAllUsed())
    expect(message).toContain('got 13 unexpected: t0 (f32 [1]), ')
    expect(message).toContain('t9 (f32 [1]) and 3 more.')
    expect(message).not.toContain('t10')
  })
})
