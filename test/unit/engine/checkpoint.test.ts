import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { CheckpointError } from '../../../src/errors.ts'
import { fixture } from '../../fixtures.ts'
import { rejection, scratchFolder } from '../../scratch.ts'
import { collect, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
let count = 0

/** A copy of the model, to break. */
function brokenModel(damage: (folder: string) => void): string {
  const folder = join(scratch, `model-${count++}`)
  cpSync(fixture('wan21-t2v/model'), folder, { recursive: true })
  damage(folder)
  return folder
}

async function expectRefused(folder: string, code: string, message: string | RegExp): Promise<void> {
  const error = await rejection(openCheckpoint(folder, families))
  expect(error).toBeInstanceOf(CheckpointError)
  expect(error).toMatchObject({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
}

const rewrite = (file: string, content: unknown) => (folder: string) =>
  writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))

describe('a model folder', () => {
  test('that is whole is read by its family', async () => {
    const checkpoint = await openCheckpoint(fixture('wan21-t2v/model'), families)
    expect(checkpoint.family.name).toBe('wan')
    expect(checkpoint.exported).toBeUndefined()
    expect(Object.keys(checkpoint.configs.components).sort()).toEqual(
      expect.arrayContaining(['scheduler', 'text_encoder', 'transformer', 'vae']),
    )
  })

  test('that is not there', async () => {
    await expectRefused(
      '/nowhere/model',
      'checkpoint/not-found',
      /^model \/nowhere\/model: expected a folder in the diffusers layout, got nothing there\. /,
    )
  })

  test('that is a file', async () => {
    const file = join(scratch, 'model.bin')
    writeFileSync(file, '')
    await expectRefused(
      file,
      'checkpoint/not-found',
      /^model .*model\.bin: expected a folder .*, got a file\. /,
    )
  })

  test('without model_index.json', async () => {
    const folder = brokenModel(each => rmSync(join(each, 'model_index.json')))
    await expectRefused(
      folder,
      'checkpoint/not-found',
      `model ${folder}: expected a folder in the diffusers layout, got a folder without model_index.json. Give the folder that holds model_index.json, with the components beside it.`,
    )
  })

  test('whose files are links into a cache that is gone', async () => {
    const missing = (file: string) =>
      brokenModel(each => {
        rmSync(join(each, file))
        symlinkSync('../../blobs/0a1b', join(each, file))
      })
    const link = 'got a link to ../../blobs/0a1b, where nothing is. Fetch it with: framewright models pull '
    for (const file of ['model_index.json', 'transformer/config.json']) {
      await expectRefused(missing(file), 'checkpoint/not-found', new RegExp(link.replaceAll('.', '\\.')))
    }
  })

  test('whose model_index.json is cut short', async () => {
    const folder = brokenModel(rewrite('model_index.json', '{"_class_name": "WanPipe'))
    await expectRefused(
      folder,
      'checkpoint/config',
      /model_index\.json: expected JSON, got .+\. Download the file again\.$/,
    )
  })

  test('whose model_index.json is a list', async () => {
    const folder = brokenModel(rewrite('model_index.json', []))
    await expectRefused(
      folder,
      'checkpoint/config',
      /model_index\.json: expected an object, got \[\]\. Download the file again, or .+\.$/,
    )
  })

  test('whose model_index.json is a folder', async () => {
    const folder = brokenModel(each => {
      rmSync(join(each, 'model_index.json'))
      mkdirSync(join(each, 'model_index.json'))
    })
    await expectRefused(
      folder,
      'checkpoint/config',
      /model_index\.json: expected a file that can be read, got a folder \(EISDIR\)\. /,
    )
  })

  test.each([
    [{ _class_name: 'FluxPipeline' }, '"FluxPipeline"'],
    [{ _class_name: 5 }, '5'],
    [{}, 'none'],
  ])('of a pipeline that no family reads: %j', async (index, got) => {
    const folder = brokenModel(rewrite('model_index.json', index))
    const known = families.flatMap(family => family.pipelines).join(', ')
    await expectRefused(
      folder,
      'checkpoint/config',
      `${folder}/model_index.json: expected a pipeline of ${known}, got ${got}. Use a model of one of these: framewright models list shows those that are here.`,
    )
  })
})

test('files beside a folder, which holds its parts, are refused', async () => {
  const folder = fixture('wan21-t2v/model')
  const given = await rejection(
    openCheckpoint(folder, families, { files: { textEncoder: 'umt5.safetensors' } }),
  )
  expect(given).toMatchObject({
    code: 'request/invalid',
    message: `textEncoder: expected none beside ${folder}, a folder that holds its parts, got umt5.safetensors. Leave it out, or put the file into a copy of the folder.`,
  })
  const { family } = await openCheckpoint(folder, families, { files: { modelsFolder: '/models' } })
  expect(family.name).toBe('wan')
})

describe('a component', () => {
  test('whose config has a value of the wrong type names the field', async () => {
    const folder = brokenModel(rewrite('transformer/config.json', { num_layers: 'two' }))
    await expectRefused(
      folder,
      'checkpoint/config',
      /transformer\/config\.json num_layers: expected a number, got "two"\. Download the file again/,
    )
  })

  test('whose config is no JSON', async () => {
    const folder = brokenModel(rewrite('vae/config.json', 'z_dim: 16'))
    await expectRefused(folder, 'checkpoint/config', /vae\/config\.json: expected JSON, got /)
  })
})

describe('framewright.json', () => {
  test('gives the defaults of the model', async () => {
    const defaults = {
      width: 64,
      height: 32,
      frames: 5,
      fps: 8,
      steps: 3,
      guidance: 2,
      negativePrompt: 'blur',
    }
    const folder = brokenModel(rewrite('framewright.json', defaults))
    const { model } = await openCheckpoint(folder, families)
    expect(model.facts.defaults).toEqual(defaults)
  })

  test('may give some of them', async () => {
    const folder = brokenModel(rewrite('framewright.json', { steps: 7 }))
    const { model } = await openCheckpoint(folder, families)
    expect(model.facts.defaults).toMatchObject({ steps: 7, fps: 16 })
  })

  test('may say which presets of its family the model has', async () => {
    const presetsOf = async (trained: object) => {
      const { model } = await openCheckpoint(brokenModel(rewrite('framewright.json', { trained })), families)
      return model.facts.presets?.map(({ name }) => name)
    }
    expect(await presetsOf({ presets: ['fastwan'] })).toEqual(['fastwan'])
    expect(await presetsOf({ presets: [] })).toEqual([])
    expect(await presetsOf({ sizes: ['64x64'] })).toContain('lightning')
  })

  test.each<[object, string]>([
    [{ steps: 0 }, 'steps'],
    [{ fps: '16' }, 'fps'],
    [{ size: '64x64' }, 'size'],
  ])('with something else is refused: %j', async (content, field) => {
    const folder = brokenModel(rewrite('framewright.json', content))
    await expectRefused(
      folder,
      'checkpoint/config',
      new RegExp(`framewright\\.json ${field}: expected .+, got .+\\. Download `),
    )
  })
})

describe('weights', () => {
  test.each<[string, string, (folder: string) => void, RegExp]>([
    [
      'that are missing',
      'checkpoint/not-found',
      folder => rmSync(join(folder, 'text_encoder/model.safetensors')),
      /text_encoder/,
    ],
    [
      'that are cut short',
      'checkpoint/corrupt',
      rewrite('transformer/diffusion_pytorch_model.safetensors', 'short'),
      /transformer\/diffusion_pytorch_model\.safetensors/,
    ],
  ])('%s are refused, with the file in the message', async (_, code, damage, message) => {
    await expectRefused(brokenModel(damage), code, message)
  })

  test('of another size than the config says end the first video, and leave nothing on the device', async () => {
    const model = brokenModel(folder =>
      cpSync(
        fixture('wan21-t2v/model/vae/diffusion_pytorch_model.safetensors'),
        join(folder, 'transformer/diffusion_pytorch_model.safetensors'),
      ),
    )
    await using tiny = await openTinyEngine({ model })
    const error = await rejection(collect(tiny.engine.generate(tinyRequest)))
    expect(error).toMatchObject({
      name: 'CheckpointError',
      code: 'checkpoint/tensors',
      message: expect.stringMatching(/transformer/),
    })
    expect(tiny.backends[0]!.residents.size).toBe(0)
  })
})
