/** The latent upsampler against diffusers, from the prompt on: see test/fixtures/goldens/upsampler/record.py. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import { tensorsOf } from '../../src/benchmark/synthetic.ts'
import { familyOf } from '../../src/engine/checkpoint.ts'
import { exportCheckpoint } from '../../src/engine/export.ts'
import { createEngine, type Engine, type GenerateRequest, renderVideo } from '../../src/index.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { seededModels, writeSeededModel } from './seeded-models.ts'

type Config = Readonly<Record<string, unknown>>

const configs = JSON.parse(readFileSync(fixture('upsampler/configs.json'), 'utf8')) as Record<string, Config>
const results = readFixtureTensors(fixture('upsampler/results.safetensors'))
const scratch = keepSessionsOf(scratchFolder())
const model = path.join(scratch, 'ltx-video')
const seeded = seededModels()['ltx-video']!

/** The case `ltx-text` of the seeded models. */
const request: GenerateRequest = {
  prompt: 'A cat and a dog bake a cake together in a small kitchen.',
  negativePrompt: 'blurry, static',
  width: 64,
  height: 64,
  frames: 9,
  steps: 3,
  guidance: 3,
  maxTextTokens: 64,
  decodeTimestep: 0.05,
  decodeNoiseScale: 0.025,
  decodeSeed: 3,
  seed: 17,
}

beforeAll(async () => {
  await writeSeededModel(model, seeded)
  await writeUpsampler('three', configs.three!)
})

test.each(Object.entries(configs))(
  'latents are enlarged as diffusers does, with convolutions of %s dimensions',
  async (name, config) => {
    const upsampler = await writeUpsampler(name, config)
    await using engine = await openModel()
    const made = await makeVideo(engine, { ...request, upsampler })
    // As one file, whose tensors tell the config.
    const file = path.join(scratch, `${name}.safetensors`)
    copyFileSync(path.join(upsampler, 'diffusion_pytorch_model.safetensors'), file)
    const again = await makeVideo(engine, { ...request, upsampler: file })
    expect(again.latents.data).toEqual(made.latents.data)
    const latents = results.get(`${name}.latents`)!
    expect(made.latents.shape).toEqual(latents.shape)
    const error = relativeError(made.latents.data as Float32Array, latents.data as Float32Array)
    expect(error).toBeLessThan(2e-5)
    expect(made.size).toEqual([128, 128])
    const kept = results.get(`${name}.frame`)!.data as Uint8Array
    const last = made.pixels.subarray(-128 * 128 * 3)
    const shown = Array.from(kept, (_, at) => {
      const [row, column, colour] = [Math.floor(at / 96), Math.floor(at / 3) % 32, at % 3]
      return last[(row * 4 * 128 + column * 4) * 3 + colour]!
    })
    const off = shown.filter((level, at) => Math.abs(level - kept[at]!) > 1).length
    expect(off / kept.length).toBeLessThanOrEqual(0.002)
  },
)

test('one engine makes videos with an upsampler, with another and without', async () => {
  const folders = [upsamplerAt('three'), await writeUpsampler('two', configs.two!), undefined]
  await using engine = await openModel()
  const sizes = []
  for (const upsampler of [...folders, folders[0]]) {
    const { latents, size } = await makeVideo(engine, { ...request, steps: 1, upsampler })
    sizes.push([latents.shape.slice(2), size])
  }
  const large = [
    [4, 4],
    [128, 128],
  ]
  expect(sizes).toEqual([
    large,
    large,
    [
      [2, 2],
      [64, 64],
    ],
    large,
  ])
})

test('the folder of a pipeline that has the upsampler will do, and the file has the size of its frames', async () => {
  const pipeline = path.join(scratch, 'pipeline')
  cpSync(upsamplerAt('three'), path.join(pipeline, 'latent_upsampler'), { recursive: true })
  writeFileSync(path.join(pipeline, 'model_index.json'), '{"_class_name": "LTXLatentUpsamplePipeline"}')
  await using engine = await openModel()
  const output = { path: path.join(scratch, 'large.mp4'), model: 'tiny', version: '0' }
  const written = []
  for await (const event of renderVideo(engine, { ...request, steps: 1, upsampler: pipeline }, output)) {
    if (event.type === 'video-written') written.push(event.frames)
  }
  expect(written).toEqual([9])
})

describe('what cannot be used is refused before anything runs', () => {
  test.each([
    [
      'a folder that is not there',
      'nowhere',
      undefined,
      /^upsampler .*nowhere: expected a folder with .*, got nothing there\./,
    ],
    ['a folder of another kind', '.', undefined, /^upsampler .*: expected a folder with .*, got neither\./],
    [
      'a component of another class',
      'ltx-video/vae',
      undefined,
      / _class_name: expected LTXLatentUpsamplerModel, got AutoencoderKLLTXVideo\./,
    ],
    [
      'another number of channels',
      'wide',
      { in_channels: 32 },
      / in_channels: expected 16, the channels of the VAE, got 32\./,
    ],
    [
      'temporal upsampling',
      'temporal',
      { temporal_upsample: true },
      /temporal_upsample: expected false: only height and width are upsampled, got true\./,
    ],
    [
      'groups that do not divide',
      'odd',
      { mid_channels: 48 },
      /mid_channels: expected a multiple of 32, the groups of its norms, got 48\./,
    ],
    ['other weights than its config says', 'short', { num_blocks_per_stage: 1 }, /res_blocks\.1\./],
    ['weights that are missing', 'long', { num_blocks_per_stage: 3 }, /res_blocks\.2\./],
  ])('%s', async (_, name, change, message) => {
    const folder = upsamplerAt(name)
    if (change) {
      cpSync(upsamplerAt('three'), folder, { recursive: true })
      writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...configs.three, ...change }))
    }
    await using engine = await openModel()
    const events: string[] = []
    const run = async () => {
      for await (const event of engine.generate({ ...request, upsampler: folder })) events.push(event.type)
    }
    await expect(run()).rejects.toThrow(message)
    expect(events).toEqual([])
  })

  test('one beside a clip that is extended', async () => {
    await using engine = await openModel()
    const run = engine.generate({ prompt: '', extend: 'clip.mp4', upsampler: upsamplerAt('three') })
    await expect(run.next()).rejects.toThrow('upsampler: expected no extend beside it, got both.')
  })

  test('one for a model that was exported', async () => {
    const exported = path.join(scratch, 'exported')
    await exportCheckpoint({ model, output: exported }, families)
    await using engine = await createEngine({ model: exported, device: 'cpu', threads: 1 })
    const run = engine.generate({ ...request, upsampler: upsamplerAt('three') })
    await expect(run.next()).rejects.toThrow('upsampler: expected none, for a model that was exported, got')
  })

  test('one for a model of another family', async () => {
    await using engine = await createEngine({ model: fixture('wan21-t2v/model'), device: 'cpu', threads: 1 })
    const run = engine.generate({ prompt: 'a ball', upsampler: upsamplerAt('three') })
    await expect(run.next()).rejects.toThrow(
      'upsampler: expected a checkpoint that takes it, got one that does not.',
    )
  })
})

function upsamplerAt(name: string): string {
  return path.join(scratch, name)
}

async function writeUpsampler(name: string, config: Config): Promise<string> {
  const folder = upsamplerAt(name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config))
  const { index, components } = seeded
  const family = familyOf({ folder, index }, families)
  const { upsampler } = await family.load({ folder, index, components, defaults: {} })
  const build = upsampler!.read(config, 'config.json')
  const all = tensorsOf([{ name, component: name, role: 'vae', build }], 'f32')
  const own = Object.entries(all).filter(([key]) => !upsampler!.shared.tensors.test(key))
  await synthesizeWeights(Object.fromEntries(own), folder, { values: 'random' })
  return folder
}

function openModel(): Promise<Engine> {
  return openKeptEngine({ model })
}

async function makeVideo(engine: Engine, asked: GenerateRequest) {
  const parts: Uint8Array[] = []
  let size: number[] = []
  for await (const event of engine.generate(asked)) {
    if (event.type === 'frames-decoded') {
      parts.push(event.frames)
      size = [event.width, event.height]
    }
    if (event.type === 'video-end') return { latents: event.latents, pixels: Buffer.concat(parts), size }
  }
  throw new Error('expected a last event')
}
