/** LTX-2.5 as its makers publish it, a file for each component, against what diffusers gives for the same weights. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import { inspectFile } from '../../src/engine/inspect-file.ts'
import type { EngineOptions, GenerateRequest } from '../../src/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { failure, scratchFolder } from '../scratch.ts'
import { bytesTensor, originalLtx2, withoutPrefix } from './original-ltx2.ts'
import { tokensFirst } from './references.ts'
import { seededModels, writeSeededModel } from './seeded-models.ts'

const scratch = keepSessionsOf(scratchFolder())
const model = path.join(scratch, 'ltx2.5')
const published = path.join(scratch, 'models')
const network = path.join(published, 'diffusion_models/ltx-2.5-22b-dev-transformer-bf16.safetensors')
const latents = readFixtureTensors(fixture('seeded/cases.safetensors')).get('ltx2.5-passes.latents')!

/** The case `ltx2.5-passes` of the seeded models. */
const request: GenerateRequest = {
  prompt: 'A cat and a dog bake a cake together in a small kitchen.',
  negativePrompt: 'blurry, static',
  width: 64,
  height: 32,
  frames: 9,
  steps: 2,
  maxTextTokens: 64,
  guidance: 3,
  stgBlocks: [1],
  guidanceRescale: 0.7,
  seed: 47,
  tensors: true,
}

beforeAll(async () => {
  await writeSeededModel(model, seededModels()['ltx2.5']!)
  await writePublished()
})

/** The four files of https://huggingface.co/Lightricks/LTX-2.5: connectors beside the network, the projection beside Gemma. */
async function writePublished(): Promise<void> {
  const parts = originalLtx2(model)
  const at = (name: string) => {
    mkdirSync(path.dirname(path.join(published, name)), { recursive: true })
    return path.join(published, name)
  }
  const header = new Map([
    ['config', parts.config],
    ['model_version', '2.5.1'],
  ])
  const core = new Map([...parts.transformer, ...parts.connectors])
  core.set('model.diffusion_model.keyframes_abs_pos_embedding', tensor('f32', [1, 32], new Float32Array(32)))
  mkdirSync(path.dirname(network), { recursive: true })
  await writeSafetensors(network, withoutPrefix(core, 'model.diffusion_model.'), header)
  const stray = tensor('f32', [1], Float32Array.of(1))
  const encoder = new Map<string, Tensor>([
    ...parts.textEncoder,
    ...parts.projection,
    ['vision_model.patch_dense.weight', stray],
    ['multi_modal_projector.embedding_projection.weight', stray],
    ['audio_projector.embedding_projection.weight', stray],
    ['tokenizer_json', bytesTensor(path.join(model, 'tokenizer/tokenizer.json'))],
    ['hf_asset__tokenizer_config.json', bytesTensor(path.join(model, 'tokenizer/tokenizer_config.json'))],
    ['hf_asset__processor_config.json', bytesTensor(path.join(model, 'tokenizer/tokenizer_config.json'))],
  ])
  const text = at('text_encoders/gemma4-12b-with-proj-ltx-2.5-bf16.safetensors')
  await writeSafetensors(text, encoder, new Map([['gemma_config', parts.textConfig]]))
  await writeSafetensors(
    at('vae/ltx-2.5-video-vae-conv-bf16.safetensors'),
    withoutPrefix(parts.vae, 'vae.'),
    header,
  )
  await writeSafetensors(at('vae/ltx-2.5-audio-vae-bf16.safetensors'), parts.audio, header)
}

const open = (options: Partial<EngineOptions> = {}) =>
  openKeptEngine({ model: network, experimental: true, ...options })

test('its files are found by themselves, and every step is what diffusers gives', async () => {
  await using engine = await open()
  const reached: number[] = []
  const notices: string[] = []
  for await (const event of engine.generate(request)) {
    if (event.type === 'step-end') reached.push(...tokensFirst(event.tensors!.latents))
    if (event.type === 'notice') notices.push(`${event.code} ${event.message}`)
  }
  expect(relativeError(reached, latents.data as Float32Array)).toBeLessThan(1e-4)
  expect(notices).toContain(
    'checkpoint/experimental model: an LTX-2.5, of which only small random weights were compared with diffusers.',
  )
})

test.each([
  ['files', () => network],
  ['a folder', () => model],
])('as %s it is not run unless that is asked for', async (_, location) => {
  const error = await failure(open({ model: location(), experimental: false }))
  expect(error).toMatchObject({ code: 'checkpoint/experimental' })
  expect(error.message).toBe(
    `model ${location()}: expected one that is checked in full, got an LTX-2.5, of which only small random weights ` +
      'were compared with diffusers. Run it with --experimental, or the option experimental.',
  )
})

test('a file of the network says what it is, and what is missing beside it', async () => {
  const alone = path.join(scratch, 'alone/transformer.safetensors')
  mkdirSync(path.dirname(alone), { recursive: true })
  await writeSafetensors(alone, originalLtx2(model).transformer)
  const report = await inspectFile(alone, families)
  expect(report!.parts).toMatchObject([{ family: 'ltx2', variant: 'LTX-2.5', component: 'transformer' }])
  expect(report!.parts[0]!.missing.join('\n')).toContain(
    'framewright models pull Lightricks/LTX-2.5/vae/ltx-2.5-video-vae-conv-bf16.safetensors',
  )
})

test('the decoder that is a diffusion model is refused by its name', async () => {
  const vae = path.join(scratch, 'diffusion-vae.safetensors')
  const one = tensor('f32', [1], Float32Array.of(1))
  await writeSafetensors(
    vae,
    new Map([
      ['decoder.t_embedder.mlp.0.weight', one],
      ['encoder.conv_in.conv.weight', one],
    ]),
  )
  const { message } = await failure(open({ files: { vae } }))
  expect(message).toContain('an LTX-2.5 VAE of 8 channels with the convolutional decoder')
  expect(message).toContain('got LTX2VideoDiffusionDecoderModel')
  expect(message).toContain('Lightricks/LTX-2.5/vae/ltx-2.5-video-vae-conv-bf16.safetensors')
})

test('given pictures are compressed as in its training', async () => {
  await using engine = await open()
  expect(engine.facts.defaults.pictureCrf).toBe(18)
})
