/** Folders whose parts are missing, contradict each other, or are of a kind that cannot be run. */
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { inspectCheckpoint } from '../../../src/engine/inspect.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { copyModel } from '../../copied-model.ts'
import { fixture, hasFixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const vaeFile = 'vae/diffusion_pytorch_model.safetensors'
const transformerFile = 'transformer/diffusion_pytorch_model.safetensors'
const fetch = 'Fetch it with: framewright models pull <owner/name>, the repository that the folder is of.'

/** A copy of a model, to change. */
function copyOf(name = 'wan21-t2v'): string {
  const folder = mkdtempSync(join(scratch, 'model-'))
  copyModel(fixture(`${name}/model`), folder)
  return folder
}

/** Replaces fields of a JSON file; those that are undefined are removed. */
function edit(folder: string, file: string, fields: object): string {
  const path = join(folder, file)
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  writeFileSync(path, JSON.stringify({ ...before, ...fields }))
  return folder
}

/** Whatever the VAE does, a step stands for all of them. */
const once = { ...tinyRequest, steps: 1 }

const opening = (folder: string) => failure(openCheckpoint(folder, families))

async function rewriteWeights(
  folder: string,
  file: string,
  change: (tensors: Map<string, Tensor>) => Map<string, Tensor>,
): Promise<string> {
  const tensors = readFixtureTensors(join(folder, file))
  rmSync(join(folder, file))
  await writeSafetensors(join(folder, file), change(new Map(tensors)))
  return folder
}

describe('a component that model_index.json lists', () => {
  test.each([
    ['transformer', 'WanTransformer3DModel', 'transformer/config.json'],
    ['vae', 'AutoencoderKLWan', 'vae/config.json'],
    ['text_encoder', 'UMT5EncoderModel', 'text_encoder/config.json'],
    ['scheduler', 'UniPCMultistepScheduler', 'scheduler/scheduler_config.json'],
    ['tokenizer', 'T5TokenizerFast', 'tokenizer/tokenizer_config.json'],
  ])('%s without its config is named, with how to get it', async (component, className, file) => {
    const folder = copyOf()
    rmSync(join(folder, file))
    expect(await opening(folder)).toMatchObject({
      code: 'checkpoint/not-found',
      message: `model ${folder}: component ${component} (${className}): expected ${file}, got none. ${fetch}`,
    })
  })

  test.each(['transformer', 'vae', 'text_encoder', 'scheduler', 'tokenizer'])(
    '%s without its folder is named, with how to get it',
    async component => {
      const folder = copyOf()
      rmSync(join(folder, component), { recursive: true })
      const { code, message } = await opening(folder)
      expect(code).toBe('checkpoint/not-found')
      expect(message).toMatch(`component ${component} (`)
      expect(message).toMatch(`expected the folder ${component}/, got none. ${fetch}`)
    },
  )

  test.each(['transformer_2', 'image_encoder', 'safety_checker'])(
    '%s is not dropped where its folder is missing',
    async component => {
      const folder = edit(copyOf(), 'model_index.json', { [component]: ['diffusers', 'SomeModel'] })
      const { message } = await opening(folder)
      expect(message).toMatch(
        `component ${component} (SomeModel): expected the folder ${component}/, got none.`,
      )
    },
  )

  test('without its vocabulary is named', async () => {
    const folder = copyOf()
    for (const name of ['tokenizer.json', 'spiece.model'])
      rmSync(join(folder, 'tokenizer', name), { force: true })
    expect((await opening(folder)).message).toMatch(
      /component tokenizer .*: expected tokenizer\/tokenizer\.json or /,
    )
  })

  test('without its weights is named, with how to get it', async () => {
    const folder = copyOf()
    rmSync(join(folder, transformerFile))
    expect(await opening(folder)).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringMatching(
        /\/transformer: expected diffusion_pytorch_model\.safetensors.*, got config\.json\. Fetch it with/,
      ),
    })
  })

  test('is fetched from the repository that the folder was pulled from', async () => {
    const folder = copyOf()
    rmSync(join(folder, 'vae'), { recursive: true })
    const record = { id: 'Owner/Name', revision: 'main', commit: 'abc', complete: true, files: [] }
    writeFileSync(join(folder, '.framewright-pull.json'), JSON.stringify(record))
    expect((await opening(folder)).message).toMatch(/Fetch it with: framewright models pull Owner\/Name$/)
  })

  test('as half a pair is refused', async () => {
    const folder = edit(copyOf(), 'model_index.json', { transformer_2: ['diffusers', null] })
    expect(await opening(folder)).toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringMatching(
        /transformer_2: expected \[library, class\], or \[null, null\] .*, got \["diffusers",null\]/,
      ),
    })
  })

  test.each([[[null, null]], [null]])('as %j is left out', async value => {
    const folder = edit(copyOf(), 'model_index.json', { transformer_2: value, image_encoder: value })
    expect((await openCheckpoint(folder, families)).model.facts.experts).toHaveLength(1)
  })

  test('as [null, null] that the pipeline needs is refused', async () => {
    const folder = edit(copyOf(), 'model_index.json', { text_encoder: [null, null] })
    expect((await opening(folder)).message).toMatch(
      /model_index\.json text_encoder: expected a component, which this pipeline needs, as \[library, class\], got \[null,null\]/,
    )
  })

  test('of another class than its config is refused', async () => {
    const folder = edit(copyOf(), 'vae/config.json', { _class_name: 'AutoencoderTiny' })
    expect((await opening(folder)).message).toMatch(
      /vae\/config\.json _class_name: expected AutoencoderKLWan, as model_index\.json lists it, got AutoencoderTiny/,
    )
  })

  test('of a class that the family does not have is refused', async () => {
    const folder = edit(copyOf(), 'vae/config.json', { _class_name: 'AutoencoderTiny' })
    edit(folder, 'model_index.json', { vae: ['diffusers', 'AutoencoderTiny'] })
    expect((await opening(folder)).message).toMatch(
      /_class_name: expected AutoencoderKLWan, got AutoencoderTiny/,
    )
  })

  test('as a scheduler that is not read is refused before anything runs', async () => {
    const folder = edit(copyOf(), 'model_index.json', { scheduler: ['diffusers', 'DDIMScheduler'] })
    expect((await opening(folder)).message).toMatch(
      /scheduler_config\.json _class_name: expected .*, got "DDIMScheduler"/,
    )
  })
})

describe('channels that the model cannot be fed', () => {
  test.each<[string, string, object, RegExp]>([
    [
      'control beside the latents',
      'transformer',
      { in_channels: 48, out_channels: 16 },
      /in_channels: expected 16, the latents alone, or 36, with a picture's mask and latents, got 48\. /,
    ],
    [
      'latents of another VAE',
      'transformer',
      { in_channels: 48, out_channels: 48 },
      /out_channels: expected 16, the channels of the VAE, got 48\. /,
    ],
    [
      'another text encoder',
      'transformer',
      { text_dim: 4096 },
      /text_dim: expected \d+, the width of the text encoder, got 4096\. /,
    ],
    [
      'a decoder of twelve',
      'vae',
      { out_channels: 12 },
      /out_channels: expected a valid one, got a decoder of other channels than 3/,
    ],
    [
      'a decoder of one',
      'vae',
      { out_channels: 1 },
      /out_channels: expected a valid one, got a decoder of other channels than 3/,
    ],
    [
      'an encoder of four',
      'vae',
      { in_channels: 4 },
      /in_channels: expected a valid one, got an encoder of other channels than 3/,
    ],
    [
      'pixels of another size',
      'vae',
      { patch_size: 2, out_channels: 12, in_channels: 12 },
      /scale_factor_spatial: expected a valid one, got another factor/,
    ],
    [
      'clips of another length',
      'vae',
      { scale_factor_temporal: 8 },
      /scale_factor_temporal: expected a valid one, got another factor/,
    ],
    [
      'diffusion forcing',
      'transformer',
      { num_frame_per_block: 5 },
      /num_frame_per_block: expected a valid one, got more than 1/,
    ],
  ])('are refused when the config is read: %s', async (_, component, fields, message) => {
    const folder = edit(copyOf(), `${component}/config.json`, fields)
    expect(await opening(folder)).toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringMatching(message),
    })
  })
})

describe('a VAE', () => {
  const decoderOnly = (tensors: Map<string, Tensor>, leftover: boolean) =>
    new Map(
      [...tensors].filter(
        ([key]) => !key.startsWith('encoder.') && (leftover || !key.startsWith('quant_conv')),
      ),
    )

  test.each([true, false])(
    'without an encoder makes videos of text alone (quant_conv kept: %s)',
    async kept => {
      const model = await rewriteWeights(copyOf(), vaeFile, tensors => decoderOnly(tensors, kept))
      const { facts } = (await openCheckpoint(model, families)).model
      expect(facts.modes).toEqual(['text'])
      await using tiny = await openTinyEngine({ model })
      const events = await collect(tiny.engine.generate(once))
      expect(events.at(-1)!.type).toBe('video-end')
      const { code } = await failure(
        collect(tiny.engine.generate({ ...tinyRequest, video: 'a.mp4', strength: 0.5 })),
      )
      expect(code).toBe('request/unsupported')
    },
  )

  test.skipIf(!hasFixture('wan21-i2v/model/vae'))(
    'without an encoder is refused where a picture is needed',
    async () => {
      const model = await rewriteWeights(copyOf('wan21-i2v'), vaeFile, tensors => decoderOnly(tensors, true))
      expect((await opening(model)).message).toMatch(
        /component vae: expected the tensors of vae-encoder-first, without which this model makes nothing, got none of them/,
      )
    },
  )

  test('stored in f64 makes the same video', async () => {
    const model = await rewriteWeights(copyOf(), vaeFile, tensors => {
      const wide = ([key, { shape, data }]: [string, Tensor]): [string, Tensor] => [
        key,
        tensor('f64', shape, Float64Array.from(data as Float32Array)),
      ]
      return new Map([...tensors].map(wide))
    })
    await using tiny = await openTinyEngine({ model })
    await using plain = await openTinyEngine()
    const [wide, same] = [
      await collect(tiny.engine.generate(once)),
      await collect(plain.engine.generate(once)),
    ]
    expect(framesOf(wide).equals(framesOf(same))).toBe(true)
  })
})

describe('weights', () => {
  test('of another name are used where they are the only ones', async () => {
    const folder = copyOf()
    cpSync(join(folder, transformerFile), join(folder, 'transformer/wan2.1_t2v_1.3B.safetensors'), {
      dereference: true,
    })
    rmSync(join(folder, transformerFile))
    const { weights } = await openCheckpoint(folder, families)
    expect(weights.get('transformer')!.files).toEqual([
      expect.stringMatching(/wan2\.1_t2v_1\.3B\.safetensors$/),
    ])
  })

  test('of several other names are not chosen from', async () => {
    const folder = copyOf()
    cpSync(join(folder, transformerFile), join(folder, 'transformer/a.safetensors'))
    renameSync(join(folder, transformerFile), join(folder, 'transformer/b.safetensors'))
    expect((await opening(folder)).message).toMatch(
      /expected one set of weights, got a\.safetensors, b\.safetensors/,
    )
  })

  test('in shards are read without an index, and missed where one is missing', async () => {
    const folder = copyOf()
    rmSync(join(folder, 'text_encoder/model.safetensors'))
    cpSync(fixture('wan21-t2v-bf16/model/text_encoder'), join(folder, 'text_encoder'), { recursive: true })
    rmSync(join(folder, 'text_encoder/model.safetensors.index.json'))
    const { weights } = await openCheckpoint(folder, families)
    const { files } = weights.get('text_encoder')!
    expect(files).toHaveLength(4)
    rmSync(files.at(-1)!)
    expect((await opening(folder)).message).toMatch(
      /text_encoder: expected the \d+ shards of one set of weights, got .*\. Fetch it with/,
    )
  })

  test.each([
    [
      'pytorch_model.bin',
      /got only pickled weights \(pytorch_model\.bin\)\. Weights have to be \.safetensors/,
    ],
    ['diffusion_pytorch_model.safetensors.part', /got a download that was cut .*\. Fetch it with/],
  ])('in another format are named: %s', async (name, message) => {
    const folder = copyOf()
    renameSync(join(folder, transformerFile), join(folder, 'transformer', name))
    expect((await opening(folder)).message).toMatch(message)
  })

  test('that are quantised are refused by name, and inspected all the same', async () => {
    const quantization_config = {
      quant_method: 'bitsandbytes',
      load_in_4bit: true,
      bnb_4bit_quant_type: 'nf4',
    }
    const folder = edit(copyOf(), 'transformer/config.json', { quantization_config })
    expect(await opening(folder)).toMatchObject({
      code: 'checkpoint/tensors',
      message: `model ${folder}: expected weights as plain floats, got quantised weights: bitsandbytes nf4 in transformer. Use the weights that were not quantised.`,
    })
    expect((await inspectCheckpoint(folder, families)).obstacle).toBe(
      'quantised weights: bitsandbytes nf4 in transformer',
    )
  })
})

describe('a pipeline class with the same network', () => {
  test.each<[string, object, object]>([
    ['WanDMDPipeline', {}, { steps: 3, guidance: 1 }],
    ['WanT2VDMD2Pipeline', {}, { steps: 4, guidance: 1 }],
    [
      'WanT2VDMD2Pipeline',
      { dmd2_config: { denoising_timesteps: [999, 500], solver: 'sde' } },
      { steps: 2, guidance: 1 },
    ],
    ['SkyReelsV2Pipeline', {}, { width: 960, height: 544, frames: 97, fps: 24, guidance: 6, steps: 50 }],
  ])('has its own defaults: %s', async (_class_name, fields, defaults) => {
    const folder = edit(copyOf(), 'model_index.json', { _class_name, ...fields })
    expect((await openCheckpoint(folder, families)).model.facts.defaults).toMatchObject(defaults)
  })

  test.each<[string, object, number[], string]>([
    ['WanDMDPipeline', {}, [1000, 757, 522], 'FlowMatchLCMScheduler'],
    ['WanT2VDMD2Pipeline', {}, [999, 937, 833, 624], 'FlowMatchEulerDiscreteScheduler'],
    [
      'WanT2VDMD2Pipeline',
      { dmd2_denoising_timesteps: [999, 700] },
      [999, 700],
      'FlowMatchEulerDiscreteScheduler',
    ],
  ])('takes the steps that it was distilled to: %s', async (_class_name, fields, timesteps, scheduler) => {
    const model = edit(copyOf(), 'model_index.json', { _class_name, ...fields })
    await using tiny = await openTinyEngine({ model })
    const { steps: _, guidance: __, ...request } = tinyRequest
    const events = await collect(tiny.engine.generate(request))
    const steps = events.flatMap(event => (event.type === 'step-end' ? [event.timestep] : []))
    expect(steps).toHaveLength(timesteps.length)
    for (const [index, step] of steps.entries()) expect(step).toBeCloseTo(timesteps[index]!, 3)
    expect(tiny.engine.facts.scheduler).toMatchObject({ _class_name: scheduler })
  })

  test('of SkyReels has the defaults of its transformer’s class', async () => {
    const folder = edit(copyOf(), 'model_index.json', {
      _class_name: 'SkyReelsV2Pipeline',
      transformer: ['diffusers', 'SkyReelsV2Transformer3DModel'],
    })
    edit(folder, 'transformer/config.json', { _class_name: 'SkyReelsV2Transformer3DModel' })
    await using tiny = await openTinyEngine({ model: folder })
    expect((await collect(tiny.engine.generate(tinyRequest))).at(-1)!.type).toBe('video-end')
  })
})
