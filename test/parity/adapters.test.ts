/**
 * Adapters against diffusers with PEFT 0.21: final latents of two steps, float32, made by `load_lora_weights` and
 * `set_adapters` on the tiny reference models. The files are what diffusers' own conversions read.
 */
import { describe, expect, test } from 'vitest'
import type { AdapterOptions } from '../../src/engine/adapters.ts'
import type { GenerateRequest } from '../../src/pipeline/request.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'
import { collect, openTinyEngine } from '../unit/engine/tiny-engine.ts'

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

async function latentsOf(
  model: string,
  adapters: readonly AdapterOptions[],
  request: GenerateRequest,
): Promise<Float32Array> {
  await using tiny = await openTinyEngine({ model: fixture(model), adapters })
  const end = (await collect(tiny.engine.generate(request))).find(event => event.type === 'video-end')
  return end!.latents.data as Float32Array
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
      const latents = await latentsOf('wan21-t2v/model', adapters, wanRequest)
      expect(relativeError(latents, float32Of(reference, name))).toBeLessThan(1e-4)
    },
  )

  test('is changed by every one of them', () => {
    const plain = float32Of(reference, 'none')
    for (const [name] of cases.slice(1)) {
      expect(relativeError(float32Of(reference, name), plain), name).toBeGreaterThan(0.1)
    }
  })
})

describe('an LTX model', () => {
  const model = 'ltx-condition/model'
  test.skipIf(!hasFixture(`${model}/model_index.json`))(
    'with an adapter in its makers’ layout gives the latents that diffusers gives',
    async () => {
      const request = { ...wanRequest, width: 64, height: 64, frames: 9, guidance: 3 }
      const latents = await latentsOf(model, [{ path: file('ltx') }], request)
      expect(relativeError(latents, float32Of(reference, 'ltx'))).toBeLessThan(1e-4)
    },
  )
})
