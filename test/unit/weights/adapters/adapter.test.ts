import { describe, expect, test } from 'vitest'
import { adaptationsOf } from '../../../../src/weights/adapters/adapt.ts'
import type { Weights } from '../../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../../src/weights/scope.ts'
import { adapterFiles, pair, zeros } from './adapter-files.ts'

const adapter = adapterFiles()

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
  stamps: [],
  metadata: new Map(),
  parameters: 0,
  bytes: 0,
}
const originalNames = [
  [/\.attn1\./, '.self_attn.'],
  [/\.attn2\./, '.cross_attn.'],
  [/\.add_k_proj\./, '.k_img.'],
  [/\.to_q\./, '.q.'],
  [/\.norm2\./, '.norm3.'],
  [/\.scale_shift_table$/, '.modulation'],
] as const
const names = { originalNames, variantTensors: ['blocks.0.attn2.add_k_proj.weight'] }

describe('a low-rank pair', () => {
  const makers = 'blocks.0.self_attn.q'
  const diffusers = 'blocks.0.attn1.to_q'
  const flat = makers.replaceAll('.', '_')
  const modules = [
    ...[
      '',
      'transformer.',
      'base_model.model.',
      'transformer.transformer.',
      'module.',
      'unet.base_model.model.',
    ],
    ...['base_model.model.transformer.', 'diffusion_model.', 'model._orig_mod.'],
  ].map(prefix => `${prefix}${diffusers}`)
  const makersModules = [
    ...['', 'diffusion_model.', 'model.diffusion_model.', 'pipe.dit.', 'dit.', 'transformer.', 'lora_unet_'],
    ...['lora_unet__', 'lora_unet_diffusion_model.', 'pipe.dit.base_model.model.', 'net.'],
  ].map(prefix => `${prefix}${makers}`)
  const flatModules = [
    ...[
      'lora_unet_',
      'lora_unet__',
      'lycoris_',
      'lora_transformer_',
      'lora_unet_diffusion_model_',
      'lora_unet_.',
    ],
    ...['lora_unet__diffusion_model_', 'diffusion_model.lora_unet_', 'lora_unet_base_model_model_'],
  ].map(prefix => `${prefix}${flat}`)
  const spelled = [
    ...modules,
    ...makersModules,
    ...flatModules,
    'lora_unet_blocks_0.self_attn.q',
    'blocks_0_attn1.to_q',
  ]
  test.each<readonly [down: string, up: string]>([
    ...spelled.map(name => [`${name}.lora_down.weight`, `${name}.lora_up.weight`] as const),
    ...modules.map(name => [`${name}.lora_A.weight`, `${name}.lora_B.weight`] as const),
    ...makersModules.map(name => [`${name}.lora_A.default.weight`, `${name}.lora_B.default.weight`] as const),
    [`lora_unet_${flat}.lora_down.default.weight`, `lora_unet_${flat}.lora_up.default.weight`],
    [`${diffusers}.lora.down.weight`, `${diffusers}.lora.up.weight`],
    [`${diffusers}_lora.down.weight`, `${diffusers}_lora.up.weight`],
    [`${diffusers}.lora_linear_layer.down.weight`, `${diffusers}.lora_linear_layer.up.weight`],
    [`${diffusers}.lora_A`, `${diffusers}.lora_B`],
    [`${diffusers}.lora_A.style`, `${diffusers}.lora_B.style`],
  ])('is found under %s', async (down, up) => {
    const file = await adapter({ [down]: pair.down, [up]: pair.up })
    const { adaptations } = adaptationsOf([{ file, scale: 0.5 }], weights, names)
    expect([...adaptations.keys()]).toEqual(['blocks.0.attn1.to_q.weight'])
    expect(adaptations.get('blocks.0.attn1.to_q.weight')).toMatchObject({
      lowRank: [{ down: { key: down, shape: [2, 4] }, up: { key: up, shape: [8, 2] }, scale: 0.5 }],
      additions: [],
    })
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
    const { adaptations } = adaptationsOf([{ file, scale: 1 }], weights, names)
    const found = adaptations.get('patch_embedding.weight')
    expect(found).toMatchObject({ lowRank: [{ down: { shape: [3, 4] }, up: { shape: [8, 3] } }] })
  })

  test('of another size is refused by key and shape', async () => {
    const file = await adapter({
      'blocks.0.attn1.to_q.lora_A.weight': zeros(2, 5),
      'blocks.0.attn1.to_q.lora_B.weight': pair.up,
    })
    expect(() => adaptationsOf([{ file, scale: 1 }], weights, names)).toThrow(
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
  const { adaptations } = adaptationsOf([{ file, scale: -2 }], weights, names)
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
    await expect(adapter({ [key]: zeros(1) })).rejects.toThrow(
      `${key}: expected a down matrix [rank, in] and an up matrix [out, rank], got none and none.`,
    )
  })

  test('with modules that the checkpoint has not is refused with a list of them', async () => {
    const file = await adapter({
      'blocks.7.attn1.to_q.lora_A.weight': pair.down,
      'blocks.7.attn1.to_q.lora_B.weight': pair.up,
      'blocks.0.norm9.diff_b': zeros(4),
    })
    expect(() => adaptationsOf([{ file, scale: 1 }], weights, names)).toThrow(
      /got 2 of another: (blocks\.7\.attn1\.to_q\.weight, blocks\.0\.norm9\.bias|blocks\.0\.norm9\.bias, blocks\.7\.attn1\.to_q\.weight)\./,
    )
  })

  test('for a text encoder says so', async () => {
    const key = 'lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight'
    await expect(adapter({ [key]: zeros(1, 4) })).rejects.toThrow(`got 1 for a text encoder: ${key}.`)
  })

  test.each([
    ['DoRA', 'a.dora_scale'],
    ['DoRA', 'a.lora_magnitude_vector'],
    ['DoRA', 'a.lora_magnitude_vector.default.weight'],
    ['LoKr', 'a.lokr_w1'],
    ['LoKr', 'a.lokr_w2_b'],
    ['LoHa', 'a.hada_w1_a'],
    ['LoHa', 'a.hada_t2'],
    ['LoCon in Tucker form', 'a.lora_mid.weight'],
    ['OFT', 'a.oft_blocks'],
    ['GLoRA', 'a.b1.weight'],
  ])('of the kind %s is refused by its name, with %s', async (kind, key) => {
    const tensors = { 'a.lora_down.weight': pair.down, 'a.lora_up.weight': pair.up, [key]: zeros(1) }
    await expect(adapter(tensors)).rejects.toThrow(
      `expected a plain LoRA, got ${kind}: ${key}. Merge it into the transformer`,
    )
  })

  test('that is no adapter is refused with its keys', async () => {
    await expect(adapter({ weight: zeros(1) })).rejects.toThrow('got 1 of another kind: weight.')
  })

  test('that names one layer in two ways is refused with both', async () => {
    const file = await adapter({
      'transformer.blocks.0.attn1.to_q.lora_A.weight': pair.down,
      'transformer.blocks.0.attn1.to_q.lora_B.weight': pair.up,
      'lora_unet_blocks_0_self_attn_q.lora_down.weight': pair.down,
      'lora_unet_blocks_0_self_attn_q.lora_up.weight': pair.up,
    })
    expect(() => adaptationsOf([{ file, scale: 1 }], weights, names)).toThrow(
      'expected one change of blocks.0.attn1.to_q.weight, got blocks_0_self_attn_q.weight and blocks.0.attn1.to_q.weight.',
    )
  })
})

describe('what only other variants of the model have', () => {
  const absent = {
    'diffusion_model.blocks.0.cross_attn.k_img.lora_down.weight': pair.down,
    'diffusion_model.blocks.0.cross_attn.k_img.lora_up.weight': pair.up,
    'transformer.blocks.0.attn2.add_k_proj.diff': zeros(8, 4),
  }

  test('is left out and named', async () => {
    const file = await adapter({ ...absent, 'blocks.0.attn1.to_q.diff_b': zeros(8) })
    const { adaptations, leftOut } = adaptationsOf([{ file, scale: 1 }], weights, names)
    expect([...adaptations.keys()]).toEqual(['blocks.0.attn1.to_q.bias'])
    expect(leftOut).toEqual([
      { file: file.path, modules: ['blocks.0.cross_attn.k_img', 'blocks.0.attn2.add_k_proj'] },
    ])
  })

  test('is refused where it is all that a file has, as are other layers beside it', async () => {
    const alone = await adapter(absent)
    expect(() => adaptationsOf([{ file: alone, scale: 1 }], weights, names)).toThrow(
      'got 2 of another: blocks.0.cross_attn.k_img.weight, blocks.0.attn2.add_k_proj.weight.',
    )
    const stray = await adapter({
      ...absent,
      'blocks.0.attn1.to_q.diff': zeros(8, 4),
      'blocks.0.q.diff': zeros(8, 4),
    })
    expect(() => adaptationsOf([{ file: stray, scale: 1 }], weights, names)).toThrow(
      'got 1 of another: blocks.0.q.weight.',
    )
  })
})

test('an adaptation that no graph asked for is an error when the account is closed', async () => {
  const file = await adapter({
    'blocks.0.attn1.to_q.lora_A.weight': pair.down,
    'blocks.0.attn1.to_q.lora_B.weight': pair.up,
  })
  const ledger = new WeightLedger(weights, adaptationsOf([{ file, scale: 1 }], weights, names).adaptations)
  expect(() => ledger.assertAllUsed({ ignored: [/./] })).toThrow(
    'adapters: expected tensors that can be adapted, got blocks.0.attn1.to_q.weight.',
  )
  ledger.graph('net').lowRank('blocks.0.attn1.to_q.weight')
  expect(() => ledger.assertAllUsed({ ignored: [/./] })).not.toThrow()
})
