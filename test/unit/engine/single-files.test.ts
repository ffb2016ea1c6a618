import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { readCheckpoint } from '../../../src/engine/checkpoint.ts'
import type { ModelFiles } from '../../../src/engine/model-files.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { moved as movedTo, writeSingleFileModel, writeTensors } from './single-file-model.ts'
import { tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const { folder, comfy, transformer, encoder, vae } = await writeSingleFileModel(scratch)
const moved = (file: string) => movedTo(file, scratch)
const write = writeTensors

// What is on this machine is none of these tests' business.
beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
  vi.stubEnv('FRAMEWRIGHT_MODELS', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

async function latentsOf(model: string, files: ModelFiles = {}): Promise<Float32Array> {
  await using engine = await openKeptEngine({ model, files })
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
    expect(configs.files).toEqual({ transformer, text_encoder: encoder, vae })
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

  test.each<[string, (name: string, value: Tensor) => Record<string, Tensor>]>([
    [
      'quanto int4 or int2',
      (name, { shape: [rows = 1, columns = 1] }) => ({
        [`${name}.weight._data._data`]: tensor(
          'u8',
          [rows / 2, columns],
          new Uint8Array((rows / 2) * columns),
        ),
        [`${name}.weight._scale`]: tensor('f32', [rows, 1], new Float32Array(rows)),
        [`${name}.weight._shift`]: tensor('f32', [rows, 1], new Float32Array(rows)),
      }),
    ],
    [
      'bitsandbytes nf4',
      (name, { shape: [rows = 1, columns = 1] }) => ({
        [`${name}.weight`]: tensor('u8', [(rows * columns) / 2, 1], new Uint8Array((rows * columns) / 2)),
        [`${name}.weight.absmax`]: tensor('f32', [rows], new Float32Array(rows)),
        [`${name}.weight.quant_state.bitsandbytes__nf4`]: tensor('u8', [2], new Uint8Array(2)),
      }),
    ],
  ])('with weights in %s, by name, as the model and as a part of it', async (kind, layer) => {
    const quantized = async (file: string) => {
      const tensors = [...readFixtureTensors(file)].flatMap(([key, value]) => {
        const isLayer = key.endsWith('.weight') && value.shape.length === 2
        return isLayer
          ? Object.entries(layer(key.slice(0, -'.weight'.length), value))
          : [[key, value] as const]
      })
      const copy = join(mkdtempSync(join(scratch, 'quantized-')), 'x.safetensors')
      await write(copy, new Map(tensors))
      return copy
    }
    const message = expect.stringMatching(`got ${kind} weights, which are not read\\. Use a file of .*int8`)
    expect(await opening(await quantized(transformer))).toMatchObject({ message })
    const textEncoder = await quantized(encoder)
    expect(await opening(transformer, { textEncoder })).toMatchObject({ message, code: 'checkpoint/config' })
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
