import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { describeLocal } from '../../../src/engine/local-models.ts'
import type { PulledModel } from '../../../src/hub/models.ts'
import { fixture } from '../../fixtures.ts'
import { scratchFolder } from '../../scratch.ts'
import { writeSingleFileModel } from './single-file-model.ts'

const scratch = scratchFolder()
const { folder, comfy, transformer, encoder, vae } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
})
afterEach(() => void vi.unstubAllEnvs())

const pulled = (path: string, files: string[], whole: boolean): PulledModel => {
  return { id: 'a/b', revision: 'main', commit: 'c', path, bytes: 0, complete: true, whole, files }
}

test('a folder in the diffusers layout is one model, with what it can do', async () => {
  const files = ['model_index.json', 'transformer/diffusion_pytorch_model.safetensors']
  expect(await describeLocal(pulled(folder, files, true), families)).toEqual([
    {
      path: '',
      kind: 'model',
      class: 'WanPipeline',
      formats: ['f32'],
      bytes: expect.any(Number),
      modes: ['text', 'video'],
      extends: false,
    },
  ])
})

test('single files are told apart by their tensors', async () => {
  const place = join(scratch, 'pulled')
  const copies = {
    'a.safetensors': transformer,
    'vae/b.safetensors': vae,
    'text_encoders/c.safetensors': encoder,
  }
  for (const [name, source] of Object.entries(copies)) {
    mkdirSync(dirname(join(place, name)), { recursive: true })
    copyFileSync(source, join(place, name))
  }
  cpSync(join(comfy, 'text_encoders/tokenizer'), join(place, 'text_encoders/tokenizer'), { recursive: true })
  copyFileSync(fixture('lora/comfy.safetensors'), join(place, 'd.safetensors'))
  copyFileSync(fixture('formats-modules/blocks.gguf'), join(place, 'e.gguf'))
  writeFileSync(join(place, 'f.gguf'), 'GGUF')
  const files = [...Object.keys(copies), 'd.safetensors', 'e.gguf', 'f.gguf', 'x.json']
  const parts = await describeLocal(pulled(place, files, false), families)
  expect(parts).toMatchObject([
    { path: 'a.safetensors', kind: 'transformer', formats: ['f32'], modes: ['text', 'video'] },
    { path: 'vae/b.safetensors', kind: 'vae', class: 'AutoencoderKLWan' },
    { path: 'text_encoders/c.safetensors', kind: 'text_encoder', class: 'UMT5EncoderModel' },
    { path: 'd.safetensors', kind: 'adapter' },
    { path: 'e.gguf', kind: 'other', obstacle: 'tensors of no model that is known' },
    { path: 'f.gguf', kind: 'other', obstacle: expect.stringMatching(/f\.gguf/) },
  ])
  expect(parts[4]!.formats).toContain('Q4_K')
})

test('a transformer without its other parts says what is missing', async () => {
  const place = join(scratch, 'alone')
  mkdirSync(place)
  copyFileSync(transformer, join(place, 'a.safetensors'))
  const [part] = await describeLocal(pulled(place, ['a.safetensors'], false), families)
  expect(part).toMatchObject({ kind: 'transformer', obstacle: expect.stringMatching(/UMT5 text encoder/) })
})
