/**
 * Adapters against diffusers with PEFT 0.21: final latents of two steps, float32, made by `load_lora_weights` and
 * `set_adapters` on the tiny reference models. The files are what diffusers' own conversions read.
 */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AdapterOptions } from '../../src/engine/adapters.ts'
import type { GenerateRequest } from '../../src/pipeline/request.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { committedModel, fixture, hasFixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { finalLatents, openTinyEngine } from '../unit/engine/tiny-engine.ts'

const reference = readFixtureTensors(fixture('lora/latents.safetensors'))
const file = (name: string) => fixture(`lora/${name}.safetensors`)

const wanRequest = {
  prompt: 'a cat',
  negativePrompt: '',
  width: 16,
  height: 16,
  frames: 5,
  steps: 2,
  guidance: 4,
  maxTextTokens: 16,
  seed: 5,
} satisfies GenerateRequest

const prompts = scratchFolder()

async function latentsOf(
  model: string,
  adapters: readonly AdapterOptions[],
  request: GenerateRequest,
): Promise<Float32Array> {
  // The text encoder has no adapters, and what is decoded is not looked at.
  await using tiny = await openTinyEngine({ model, adapters, promptCache: prompts })
  return await finalLatents(tiny.engine.generate({ ...request, tensors: true }))
}

describe('a Wan model', () => {
  const cases: [name: string, adapters: AdapterOptions[]][] = [
    ['none', []],
    ['peft', [{ path: file('peft') }]],
    ['kohya', [{ path: file('kohya'), scale: 0.7 }]],
    ['comfy', [{ path: file('comfy') }]],
    [
      'peft+kohya',
      [
        { path: file('peft'), scale: 0.5 },
        { path: file('kohya'), scale: -0.5 },
      ],
    ],
  ]
  test.each(cases)(
    'with the adapters "%s" gives the latents that diffusers gives',
    async (name, adapters) => {
      const latents = await latentsOf(committedModel, adapters, wanRequest)
      expect(relativeError(latents, float32Of(reference, name))).toBeLessThan(1e-4)
    },
  )

  test('is changed by every one of them', () => {
    const plain = float32Of(reference, 'none')
    for (const [name] of cases.slice(1)) {
      expect(relativeError(float32Of(reference, name), plain), name).toBeGreaterThan(0.05)
    }
  })
})

describe('the same matrices in another file', () => {
  const folder = keepSessionsOf(scratchFolder())
  let count = 0
  const peft = readFixtureTensors(file('peft'))
  const peftConfig = { r: 2, lora_alpha: 6, peft_type: 'LORA' }
  const ofTransformer = (fields: object) => {
    const entries = Object.entries(fields).map(([key, value]) => [`transformer.${key}`, value])
    return { lora_adapter_metadata: JSON.stringify(Object.fromEntries(entries)) }
  }

  /** The tensors of an adapter under other names, with another header. */
  async function latentsAs(
    tensors: ReadonlyMap<string, Tensor>,
    rename: (key: string) => string,
    metadata: Readonly<Record<string, string>> = {},
    scale = 1,
  ): Promise<Float32Array> {
    const path = join(folder, `adapter-${count++}.safetensors`)
    const renamed = [...tensors].map(([key, value]) => [rename(key), value] as const)
    await writeSafetensors(path, new Map(renamed), new Map(Object.entries(metadata)))
    return await latentsOf(committedModel, [{ path, scale }], wanRequest)
  }

  const withoutPrefix = (key: string) => key.replace(/^transformer\./, '')
  test.each<[string, string, (key: string) => string, Record<string, string>]>([
    ['peft', 'save_lora_adapter', withoutPrefix, { lora_adapter_metadata: JSON.stringify(peftConfig) }],
    ['peft', 'a flat header', withoutPrefix, { lora_alpha: '6', rank: '2' }],
    ['peft', 'wrapped by PEFT', key => `base_model.model.${withoutPrefix(key)}`, { lora_alpha: '6' }],
    [
      'peft',
      'DiffSynth',
      key => `pipe.dit.${withoutPrefix(key).replace('.weight', '.default.weight')}`,
      { lora_alpha: '6' },
    ],
    ['kohya', 'VideoX-Fun', key => key.replace('lora_unet_', 'lora_unet__'), {}],
    [
      'kohya',
      'dots after the prefix',
      key => key.replace(/blocks_(\d+)_(self|cross)_attn_/, 'blocks_$1.$2_attn.'),
      {},
    ],
    ['kohya', 'a wrapper inside', key => key.replace('lora_unet_', 'lora_unet_diffusion_model_'), {}],
    ['kohya', 'LyCORIS', key => key.replace('lora_unet_', 'lycoris_'), {}],
  ])('gives the latents of "%s" in the layout of %s', async (name, _, rename, metadata) => {
    const latents = await latentsAs(
      readFixtureTensors(file(name)),
      rename,
      metadata,
      name === 'kohya' ? 0.7 : 1,
    )
    expect(relativeError(latents, float32Of(reference, name))).toBeLessThan(1e-5)
  })

  test('is scaled by patterns as PEFT scales it', async () => {
    const alpha_pattern = { '.*attn1\\.to_[qv]': 16, '^blocks.1.attn2.to_out.0': 1, to_q: 3 }
    const metadata = ofTransformer({ ...peftConfig, alpha_pattern })
    const latents = await latentsAs(peft, key => key, metadata)
    expect(relativeError(latents, float32Of(reference, 'patterns'))).toBeLessThan(1e-5)
  })

  test('is rank-stabilised as PEFT does it', async () => {
    const latents = await latentsAs(peft, key => key, ofTransformer({ ...peftConfig, use_rslora: true }))
    expect(relativeError(latents, float32Of(reference, 'rslora'))).toBeLessThan(1e-5)
  })

  test('gives the same beside image parts, which diffusers leaves out as well', async () => {
    const tensors = new Map(readFixtureTensors(file('comfy')))
    for (const name of ['blocks.0.cross_attn.k_img', 'blocks.1.cross_attn.v_img', 'img_emb.proj.3']) {
      tensors.set(`diffusion_model.${name}.lora_A.weight`, filled(1, 2, 64))
      tensors.set(`diffusion_model.${name}.lora_B.weight`, filled(1, 64, 2))
      tensors.set(`diffusion_model.${name}.diff_b`, filled(1, 64))
    }
    for (const name of ['blocks.0.cross_attn.norm_k_img', 'img_emb.proj.0']) {
      tensors.set(`diffusion_model.${name}.diff`, filled(1, 64))
    }
    const latents = await latentsAs(tensors, key => key)
    expect(relativeError(latents, float32Of(reference, 'comfy'))).toBeLessThan(1e-5)
  })
})

function filled(value: number, ...shape: number[]): Tensor {
  return tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value))
}

describe('an LTX model', () => {
  const model = 'ltx-condition/model'
  test.skipIf(!hasFixture(`${model}/model_index.json`))(
    'with an adapter in its makers’ layout gives the latents that diffusers gives',
    async () => {
      const request = { ...wanRequest, width: 64, height: 64, frames: 9, guidance: 3 }
      const latents = await latentsOf(fixture(model), [{ path: file('ltx') }], request)
      expect(relativeError(latents, float32Of(reference, 'ltx'))).toBeLessThan(1e-4)
    },
  )
})
