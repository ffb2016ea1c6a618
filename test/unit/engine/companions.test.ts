/** Where the other files of a model are found. */
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { readCheckpoint } from '../../../src/engine/checkpoint.ts'
import { readExtraModelPaths } from '../../../src/engine/extra-model-paths.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { moved, writeSingleFileModel } from './single-file-model.ts'

const scratch = scratchFolder()
const { comfy, transformer, encoder, vae } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
  vi.stubEnv('FRAMEWRIGHT_MODELS', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

const choices = async (file: string) => (await readCheckpoint(file, families)).choices

function copied(file: string, to: string): string {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(file, to)
  return to
}

describe('extra_model_paths.yaml', () => {
  test('is read as ComfyUI reads it', async () => {
    vi.stubEnv('MODELS', '/big')
    const file = join(scratch, 'yaml/extra_model_paths.yaml')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(
      file,
      `# comment
comfyui:
    base_path: ../other/   # relative to this file
    is_default: true
    vae: models/vae/
    text_encoders: |
         models/text_encoders/
         models/clip/  # legacy
    "clip_vision": "with space"

a111:
  vae: \${MODELS}/vae
  unet:
    - one
`,
    )
    expect(Object.fromEntries(await readExtraModelPaths(file))).toEqual({
      vae: [join(scratch, 'other/models/vae'), '/big/vae'],
      text_encoders: [join(scratch, 'other/models/text_encoders'), join(scratch, 'other/models/clip')],
      clip_vision: [join(scratch, 'other/with space')],
      unet: [join(scratch, 'yaml/one')],
    })
    expect([...(await readExtraModelPaths(join(scratch, 'none.yaml')))]).toEqual([])
  })

  test('of ComfyUI’s own folder names where parts are', async () => {
    const root = join(scratch, 'second/ComfyUI')
    const model = copied(transformer, join(root, 'models/diffusion_models/x.safetensors'))
    const text = copied(encoder, join(scratch, 'disk/enc/umt5.safetensors'))
    cpSync(join(comfy, 'text_encoders/tokenizer'), join(scratch, 'disk/enc/tokenizer'), { recursive: true })
    const pictures = copied(vae, join(scratch, 'disk/v/vae.safetensors'))
    writeFileSync(
      join(root, 'extra_model_paths.yaml'),
      `disk:\n  base_path: ${join(scratch, 'disk')}\n  clip: enc\n  vae: v\n`,
    )
    expect(await choices(model)).toEqual([
      `text_encoder: ${text} is used, found near the model`,
      `vae: ${pictures} is used, found near the model`,
      expect.stringMatching(/^sampler/),
    ])
  })
})

describe('repositories of the hub', () => {
  const cached = (name: string) => join(scratch, 'hf/hub', name, 'snapshots/0123')
  /** As Hugging Face's tools keep files: names that are links to blobs. */
  function link(file: string, to: string): void {
    mkdirSync(dirname(to), { recursive: true })
    symlinkSync(file, to)
  }

  test('in the cache of Hugging Face’s tools are looked into, the advised one first', async () => {
    vi.stubEnv('HF_HUB_CACHE', undefined)
    vi.stubEnv('HF_HOME', join(scratch, 'hf'))
    const advised = cached('models--Comfy-Org--Wan_2.1_ComfyUI_repackaged')
    link(encoder, join(advised, 'split_files/text_encoders/umt5.safetensors'))
    link(vae, join(advised, 'split_files/vae/wan.safetensors'))
    const another = copied(vae, join(scratch, 'blobs/vae'))
    link(another, join(cached('models--someone--else'), 'vae.safetensors'))
    const tokenizer = cached('models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers')
    cpSync(join(comfy, 'text_encoders/tokenizer'), join(tokenizer, 'tokenizer'), { recursive: true })
    // The encoder's own tokenizer is beside what the link leads to.
    expect(await choices(moved(transformer, scratch))).toEqual([
      `text_encoder: ${encoder} is used, found near the model`,
      `vae: ${vae} is used, found near the model`,
      expect.stringMatching(/^sampler/),
    ])
  })

  test('that were pulled are looked into, and bring the tokenizer', async () => {
    vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'home'))
    const pulled = (name: string) => join(scratch, 'home/models', name)
    const record = (id: string) => {
      mkdirSync(pulled(id), { recursive: true })
      const text = JSON.stringify({ id, revision: 'main', commit: 'c', complete: true, files: [] })
      writeFileSync(join(pulled(id), '.framewright-pull.json'), text)
    }
    record('someone/files')
    record('Wan-AI/Wan2.1-T2V-1.3B-Diffusers')
    const text = copied(encoder, join(pulled('someone/files'), 'umt5.safetensors'))
    const pictures = copied(vae, join(pulled('someone/files'), 'deep/vae.safetensors'))
    const alone = moved(transformer, scratch)
    expect((await failure(readCheckpoint(alone, families))).message).toMatch(
      /expected a tokenizer .*framewright models pull Wan-AI\/Wan2\.1-T2V-1\.3B-Diffusers\/tokenizer/,
    )
    const tokenizer = join(pulled('Wan-AI/Wan2.1-T2V-1.3B-Diffusers'), 'tokenizer')
    cpSync(join(comfy, 'text_encoders/tokenizer'), tokenizer, { recursive: true })
    expect(await choices(alone)).toEqual([
      `text_encoder: ${text} is used, found near the model`,
      `vae: ${pictures} is used, found near the model`,
      expect.stringMatching(/^sampler/),
    ])
    expect((await readCheckpoint(alone, families)).configs.tokenizer?.name).toBe(tokenizer)
  })

  test('two files of which fit are listed', async () => {
    vi.stubEnv('HF_HUB_CACHE', join(scratch, 'two'))
    const text = copied(encoder, join(scratch, 'two/models--a--b/snapshots/1/umt5.safetensors'))
    const other = copied(encoder, join(scratch, 'two/models--c--d/snapshots/1/umt5.safetensors'))
    // A shard of a set is no encoder, though its tensors look like one.
    copied(encoder, join(scratch, 'two/models--e--f/snapshots/1/model-00001-of-00002.safetensors'))
    const { message } = await failure(
      readCheckpoint(moved(transformer, scratch), families, { files: { vae } }),
    )
    expect(message).toContain(`got ${text}, ${other}. Choose one with --text-encoder <file>.`)
  })

  test('are what is advised where nothing is found', async () => {
    const { message } = await failure(readCheckpoint(moved(transformer, scratch), families))
    expect(message).toMatch(
      /framewright models pull Comfy-Org\/Wan_2\.1_ComfyUI_repackaged\/split_files\/text_encoders\/umt5_xxl_fp8_e4m3fn_scaled\.safetensors; or give yours as --text-encoder <file>/,
    )
  })
})
