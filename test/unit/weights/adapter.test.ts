import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { adaptationsOf } from '../../../src/weights/adapt.ts'
import { readAdapter } from '../../../src/weights/adapter-file.ts'
import type { Weights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
let files = 0

function zeros(...shape: number[]): Tensor {
  return tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))
}

const pair = { down: zeros(2, 4), up: zeros(8, 2) }

async function adapter(tensors: Readonly<Record<string, Tensor>>, metadata?: ReadonlyMap<string, string>) {
  const path = join(folder, `adapter-${files++}.safetensors`)
  await writeSafetensors(path, new Map(Object.entries(tensors)), metadata)
  return await readAdapter(path)
}

/** A checkpoint of a layer [8, 4] with a bias, a norm, a convolution and a table. */
const shapes: Readonly<Record<string, readonly number[]>> = {
  'blocks.0.attn1.to_q.weight': [8, 4],
  'blocks.0.attn1.to_q.bias': [8],
  'blocks.0.norm2.weight': [4],
  'blocks.0.scale_shift_table': [1, 6, 4],
  'patch_embedding.weight': [8, 1, 1, 2, 2],
}
const weights: Weights = {
  folder: '/w',
  tensors: new Map(
    Object.entries(shapes).map(([key, shape]) => {
      return [key, { key, dtype: 'f32', shape, file: '/w/model.safetensors', offset: 0, bytes: 0 }]
    }),
  ),
  files: [],
  parameters: 0,
  bytes: 0,
}
const originalNames = [
  [/\.attn1\./, '.self_attn.'],
  [/\.to_q\./, '.q.'],
  [/\.norm2\./, '.norm3.'],
  [/\.scale_shift_table$/, '.modulation'],
] as const

describe('a low-rank pair', () => {
  test.each([
    ['transformer.blocks.0.attn1.to_q.lora_A.weight', 'transformer.blocks.0.attn1.to_q.lora_B.weight'],
    ['blocks.0.attn1.to_q.lora_A.default.weight', 'blocks.0.attn1.to_q.lora_B.default.weight'],
    [
      'base_model.model.blocks.0.attn1.to_q.lora_A.weight',
      'base_model.model.blocks.0.attn1.to_q.lora_B.weight',
    ],
    [
      'diffusion_model.blocks.0.self_attn.q.lora_A.weight',
      'diffusion_model.blocks.0.self_attn.q.lora_B.weight',
    ],
    [
      'diffusion_model.blocks.0.self_attn.q.lora_down.weight',
      'diffusion_model.blocks.0.self_attn.q.lora_up.weight',
    ],
    ['lora_unet_blocks_0_self_attn_q.lora_down.weight', 'lora_unet_blocks_0_self_attn_q.lora_up.weight'],
    ['lora_unet_blocks_0_attn1_to_q.lora_down.weight', 'lora_unet_blocks_0_attn1_to_q.lora_up.weight'],
    ['transformer.blocks.0.attn1.to_q.lora.down.weight', 'transformer.blocks.0.attn1.to_q.lora.up.weight'],
  ])('is found under %s', async (down, up) => {
    const file = await adapter({ [down]: pair.down, [up]: pair.up })
    const adaptations = adaptationsOf([{ file, scale: 0.5 }], weights, originalNames)
    expect([...adaptations.keys()]).toEqual(['blocks.0.attn1.to_q.weight'])
    expect(adaptations.get('blocks.0.attn1.to_q.weight')).toMatchObject({
      lowRank: [{ down: { key: down, shape: [2, 4] }, up: { key: up, shape: [8, 2] }, scale: 0.5 }],
      additions: [],
    })
  })

  const scaleOf = async (extra: Record<string, Tensor>, metadata?: Record<string, unknown>) => {
    const text = metadata && new Map([['lora_adapter_metadata', JSON.stringify(metadata)]])
    const tensors = {
      'blocks.0.attn1.to_q.lora_A.weight': pair.down,
      'blocks.0.attn1.to_q.lora_B.weight': pair.up,
    }
    return (await adapter({ ...tensors, ...extra }, text)).modules[0]?.lowRank?.scale
  }

  test('counts α / rank where the file has an α, as a tensor or in its header', async () => {
    expect(await scaleOf({})).toBe(1)
    expect(await scaleOf({ 'blocks.0.attn1.to_q.alpha': tensor('f32', [], Float32Array.of(3)) })).toBe(1.5)
    expect(await scaleOf({}, { 'transformer.lora_alpha': 8 })).toBe(4)
    expect(await scaleOf({}, { 'transformer.lora_alpha': 8, 'transformer.alpha_pattern': { to_q: 1 } })).toBe(
      0.5,
    )
  })

  test('scaled in another way is refused', async () => {
    await expect(scaleOf({}, { 'transformer.use_rslora': true })).rejects.toThrow('use_rslora')
    await expect(scaleOf({}, { 'transformer.use_dora': true })).rejects.toThrow('use_dora')
  })

  test('whose halves do not fit each other is refused', async () => {
    await expect(adapter({ 'a.lora_A.weight': zeros(2, 4), 'a.lora_B.weight': zeros(8, 3) })).rejects.toThrow(
      'a: expected a down matrix [rank, in] and an up matrix [out, rank], got [2, 4] and [8, 3].',
    )
    await expect(adapter({ 'a.lora_A.weight': zeros(2, 4) })).rejects.toThrow('got [2, 4] and none.')
  })

  test('of a convolution is read as matrices', async () => {
    const name = 'transformer.patch_embedding'
    const file = await adapter({
      [`${name}.lora_A.weight`]: zeros(3, 1, 1, 2, 2),
      [`${name}.lora_B.weight`]: zeros(8, 3, 1, 1, 1),
    })
    const found = adaptationsOf([{ file, scale: 1 }], weights, originalNames).get('patch_embedding.weight')
    expect(found).toMatchObject({ lowRank: [{ down: { shape: [3, 4] }, up: { shape: [8, 3] } }] })
  })

  test('of another size is refused by key and shape', async () => {
    const file = await adapter({
      'blocks.0.attn1.to_q.lora_A.weight': zeros(2, 5),
      'blocks.0.attn1.to_q.lora_B.weight': pair.up,
    })
    expect(() => adaptationsOf([{ file, scale: 1 }], weights, originalNames)).toThrow(
      'blocks.0.attn1.to_q.lora_A.weight: expected shape [2, 4], as blocks.0.attn1.to_q.weight is [8, 4], got [2, 5].',
    )
  })
})

test('differences of weights, biases and modulations are added to the tensors they name', async () => {
  const file = await adapter({
    'diffusion_model.blocks.0.self_attn.q.diff': zeros(8, 4),
    'diffusion_model.blocks.0.self_attn.q.diff_b': zeros(8),
    'diffusion_model.blocks.0.norm3.diff': zeros(4),
    'diffusion_model.blocks.0.diff_m': zeros(1, 6, 4),
  })
  const adaptations = adaptationsOf([{ file, scale: -2 }], weights, originalNames)
  expect([...adaptations.keys()].sort()).toEqual([
    'blocks.0.attn1.to_q.bias',
    'blocks.0.attn1.to_q.weight',
    'blocks.0.norm2.weight',
    'blocks.0.scale_shift_table',
  ])
  for (const { additions } of adaptations.values()) expect(additions).toMatchObject([{ scale: -2 }])
})

describe('a file', () => {
  test('with two tensors for one part of a module is refused with both', async () => {
    const tensors = {
      'a.lora_A.x.weight': pair.down,
      'a.lora_A.y.weight': pair.down,
      'a.lora_B.weight': pair.up,
    }
    await expect(adapter(tensors)).rejects.toThrow(
      'expected one tensor for each part of a module, got a.lora_A.x.weight and a.lora_A.y.weight.',
    )
  })

  test.each(['a.alpha', 'a.lora_B.bias'])('with %s and no matrices beside it is refused', async key => {
    await expect(adapter({ [key]: zeros(1) })).rejects.toThrow(`${key}: expected a down and an up matrix`)
  })

  test('with modules that the checkpoint has not is refused with a list of them', async () => {
    const file = await adapter({
      'blocks.7.attn1.to_q.lora_A.weight': pair.down,
      'blocks.7.attn1.to_q.lora_B.weight': pair.up,
      'blocks.0.norm9.diff_b': zeros(4),
    })
    expect(() => adaptationsOf([{ file, scale: 1 }], weights, originalNames)).toThrow(
      /got 2 of another: (blocks\.7\.attn1\.to_q\.weight, blocks\.0\.norm9\.bias|blocks\.0\.norm9\.bias, blocks\.7\.attn1\.to_q\.weight)\./,
    )
  })

  test('for a text encoder says so', async () => {
    const key = 'lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight'
    await expect(adapter({ [key]: zeros(1, 4) })).rejects.toThrow(`got 1 for a text encoder: ${key}.`)
  })

  test.each(['a.dora_scale', 'a.lokr_w1', 'weight'])('with the key %s is refused with it', async key => {
    await expect(adapter({ [key]: zeros(1) })).rejects.toThrow(`got 1 of another kind: ${key}.`)
  })
})

test('an adaptation that no graph asked for is an error when the account is closed', async () => {
  const file = await adapter({
    'blocks.0.attn1.to_q.lora_A.weight': pair.down,
    'blocks.0.attn1.to_q.lora_B.weight': pair.up,
  })
  const ledger = new WeightLedger(weights, adaptationsOf([{ file, scale: 1 }], weights, originalNames))
  expect(() => ledger.finish({ ignored: [/./] })).toThrow(
    'adapters: expected tensors that can be adapted, got blocks.0.attn1.to_q.weight.',
  )
  ledger.graph('net').lowRank('blocks.0.attn1.to_q.weight')
  expect(() => ledger.finish({ ignored: [/./] })).not.toThrow()
})
