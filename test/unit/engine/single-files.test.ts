import { copyFileSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { wan } from '../../../models/wan/family.ts'
import { wanOriginalNames } from '../../../models/wan/original-names.ts'
import { readCheckpoint } from '../../../src/engine/checkpoint.ts'
import type { ModelFiles } from '../../../src/engine/model-files.ts'
import { createEngine } from '../../../src/index.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { writeSyntheticCheckpoint } from '../../synthetic-checkpoint.ts'
import { tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const folder = join(scratch, 'folder')
/** ComfyUI's folder of models, with the same model in it. */
const comfy = join(scratch, 'ComfyUI/models')
const transformer = join(comfy, 'diffusion_models/wan/t2v.safetensors')
const encoder = join(comfy, 'text_encoders/umt5.safetensors')
const vae = join(comfy, 'vae/wan_vae.safetensors')

beforeAll(async () => {
  await writeSyntheticCheckpoint(folder, {
    family: wan,
    index: {
      _class_name: 'WanPipeline',
      transformer: ['diffusers', 'WanTransformer3DModel'],
      text_encoder: ['transformers', 'UMT5EncoderModel'],
      vae: ['diffusers', 'AutoencoderKLWan'],
      scheduler: ['diffusers', 'UniPCMultistepScheduler'],
      tokenizer: ['transformers', 'T5TokenizerFast'],
    },
    scheduler: {
      _class_name: 'UniPCMultistepScheduler',
      prediction_type: 'flow_prediction',
      use_flow_sigmas: true,
      flow_shift: 3,
    },
    components: {
      transformer: { num_attention_heads: 1, num_layers: 1, ffn_dim: 64, text_dim: 32, out_channels: 16 },
      text_encoder: { d_model: 32, d_ff: 48, d_kv: 16, num_heads: 2, num_layers: 2, vocab_size: 512 },
      vae: { _class_name: 'AutoencoderKLWan', base_dim: 4 },
    },
    tokenizer: fixture('wan21-t2v/model/tokenizer'),
  })
  const part = (name: string) => readFixtureTensors(join(folder, name, 'diffusion_pytorch_model.safetensors'))
  const original = [...part('transformer')].map(([key, value]) => {
    const name = wanOriginalNames.reduce((each, [pattern, to]) => each.replace(pattern, to), key)
    return [`model.diffusion_model.${name}`, value] as const
  })
  await write(transformer, new Map(original))
  await write(encoder, part('text_encoder'))
  await write(vae, part('vae'))
  cpSync(join(folder, 'tokenizer'), join(comfy, 'text_encoders/tokenizer'), { recursive: true })
})

async function write(file: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  await writeSafetensors(file, tensors)
}

async function latentsOf(model: string, files: ModelFiles = {}): Promise<Float32Array> {
  await using engine = await createEngine({ model, files, device: 'cpu', threads: 1 })
  let latents: Float32Array | undefined
  for await (const event of engine.generate({ ...tinyRequest, steps: 1, tensors: true })) {
    if (event.type === 'step-end') latents = event.tensors!.latents.data as Float32Array
  }
  return latents!
}

describe('a model of single files', () => {
  test('is the model of the folder that it was converted from, with its parts found in ComfyUI’s folders', async () => {
    expect(await latentsOf(transformer)).toEqual(await latentsOf(folder))
  })

  test('says which files it found, and what it assumes', async () => {
    const { choices, configs, family, obstacle } = await readCheckpoint(transformer, families)
    expect(family.name).toBe('wan')
    expect(obstacle).toBeUndefined()
    expect(choices).toEqual([
      `text_encoder: ${encoder} is used, found near the model`,
      `vae: ${vae} is used, found near the model`,
      'sampler: UniPC with a flow shift of 3, as in the Wan-AI/Wan2.1-T2V-14B-Diffusers repository; --sampler and --shift change it',
    ])
    expect(configs.components.transformer).toMatchObject({
      num_attention_heads: 1,
      in_channels: 16,
      out_channels: 16,
      text_dim: 32,
      ffn_dim: 64,
      num_layers: 1,
      freq_dim: 256,
    })
  })

  test('takes files that are named, and says nothing of them', async () => {
    const files = { textEncoder: encoder, vae, tokenizer: join(folder, 'tokenizer') }
    const { choices } = await readCheckpoint(moved(transformer), families, { files })
    expect(choices).toEqual([expect.stringMatching(/^sampler: /)])
  })

  test('finds its parts in the folder of models', async () => {
    const { choices } = await readCheckpoint(moved(transformer), families, { files: { modelsFolder: comfy } })
    expect(choices).toHaveLength(3)
    vi.stubEnv('FRAMEWRIGHT_MODELS', comfy)
    expect((await readCheckpoint(moved(transformer), families)).choices).toHaveLength(3)
    vi.unstubAllEnvs()
  })

  test('of two networks has both, and where they change over', async () => {
    const { configs, weights, model } = await readCheckpoint(transformer, families, {
      files: { transformer2: moved(transformer) },
    })
    expect(configs.index).toMatchObject({ boundary_ratio: 0.875 })
    expect([...weights.keys()]).toEqual(['transformer', 'transformer_2', 'text_encoder', 'vae'])
    expect(model.facts.experts).toMatchObject([{ fromTimestep: 875 }, { fromTimestep: 0 }])
  })
})

describe('is refused', () => {
  const opening = (file: string, files: ModelFiles = {}) => failure(readCheckpoint(file, families, { files }))

  test('without a part: with where one may be had', async () => {
    expect(await opening(moved(transformer), { vae })).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringMatching(
        /expected a UMT5 text encoder of width 32 beside it, or in text_encoders\/ or clip\/ above it, got none.*Comfy-Org.*--text-encoder <file>/,
      ),
    })
  })

  test('with two that fit: with both names', async () => {
    const alone = moved(transformer)
    copyFileSync(encoder, join(dirname(alone), 'a.safetensors'))
    copyFileSync(encoder, join(dirname(alone), 'b.safetensors'))
    expect(await opening(alone, { vae })).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringMatching(
        /got .*a\.safetensors, .*b\.safetensors\. Choose one with --text-encoder/,
      ),
    })
  })

  test('as a text encoder, a VAE, or something else, with what it is', async () => {
    expect((await opening(encoder)).message).toMatch(
      /got its text_encoder \(UMT5EncoderModel\)\. Give the transformer's file as --model, and this one as --text-encoder/,
    )
    expect((await opening(vae)).message).toMatch(/got its vae .*--vae/)
    const other = join(mkdtempSync(join(scratch, 'other-')), 'x.safetensors')
    await write(other, new Map([['a.weight', tensor('f32', [1], Float32Array.of(1))]]))
    expect((await opening(other)).message).toMatch(/got tensors of no model that is known \(a\.weight\)/)
  })

  test('with a part of another kind', async () => {
    expect(await opening(transformer, { vae: encoder })).toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringMatching(
        /expected a Wan VAE of 16 channels, got UMT5EncoderModel \(d_model 32\)/,
      ),
    })
  })

  test('without a tokenizer', async () => {
    const alone = join(mkdtempSync(join(scratch, 'alone-')), 'umt5.safetensors')
    copyFileSync(encoder, alone)
    expect((await opening(transformer, { textEncoder: alone })).message).toMatch(/--tokenizer <folder>/)
    const nowhere = join(scratch, 'nowhere')
    expect((await opening(transformer, { tokenizer: nowhere })).message).toMatch(
      /tokenizer .*got nothing there/,
    )
  })

  test('in a format that is not known', async () => {
    const file = join(mkdtempSync(join(scratch, 'odd-')), 'x.safetensors')
    const marker = Uint8Array.from(Buffer.from('{"format":"svdquant_w4a4"}'))
    await write(
      file,
      new Map<string, Tensor>([
        ['a.weight', tensor('u8', [4], new Uint8Array(4))],
        ['a.comfy_quant', tensor('u8', [marker.length], marker)],
      ]),
    )
    expect(await opening(file)).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringMatching(/expected a format of .*float8_e4m3fn.*got "svdquant_w4a4"/),
    })
  })

  test('cut short', async () => {
    const file = join(mkdtempSync(join(scratch, 'cut-')), 'x.gguf')
    writeFileSync(file, 'GGUF\x03\0\0\0')
    expect(await opening(file)).toMatchObject({ code: 'checkpoint/corrupt' })
  })
})

/** A copy of a file in a folder of its own, where nothing is beside it. */
function moved(file: string): string {
  const copy = join(mkdtempSync(join(scratch, 'a/b/c/d/e-'.replaceAll('/', '-'))), 'model.safetensors')
  copyFileSync(file, copy)
  return copy
}
