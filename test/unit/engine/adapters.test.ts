import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createGenerator } from '../../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { relativeError } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, finalLatents, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const folder = scratchFolder()
const model = fixture('wan21-t2v/model')
const weightsFile = 'transformer/diffusion_pytorch_model.safetensors'
const random = createGenerator(1n)

function noise(shape: readonly number[]): Tensor {
  const data = random.randn(shape.reduce((a, b) => a * b, 1)).map(value => value * 0.1)
  return tensor('f32', shape, data)
}

async function write(name: string, tensors: ReadonlyMap<string, Tensor>): Promise<string> {
  const path = join(folder, name)
  await writeSafetensors(path, tensors)
  return path
}

async function latentsOf(options: Parameters<typeof openTinyEngine>[0]): Promise<Float32Array> {
  await using tiny = await openTinyEngine({ ...options, promptCache: join(folder, 'prompts') })
  return await finalLatents(tiny.engine.generate({ ...tinyRequest, steps: 2, tensors: true }))
}

test('differences of weights act as if they had been added to the checkpoint', async () => {
  const changed = {
    'blocks.0.attn1.to_q.weight': 'blocks.0.self_attn.q.diff',
    'blocks.1.ffn.net.2.bias': 'blocks.1.ffn.2.diff_b',
    'blocks.0.norm2.weight': 'blocks.0.norm3.diff',
    'blocks.1.scale_shift_table': 'blocks.1.diff_m',
    'patch_embedding.weight': 'patch_embedding.diff',
  }
  const merged = readFixtureTensors(join(model, weightsFile))
  const differences = new Map<string, Tensor>()
  for (const [key, name] of Object.entries(changed)) {
    const before = merged.get(key) as Tensor<'f32'>
    const difference = noise(before.shape) as Tensor<'f32'>
    differences.set(`diffusion_model.${name}`, difference)
    const sum = before.data.map((value, index) => value + 0.5 * difference.data[index]!)
    merged.set(key, tensor('f32', before.shape, sum))
  }
  const copy = join(folder, 'merged')
  await cp(model, copy, { recursive: true })
  await writeSafetensors(join(copy, weightsFile), merged)
  const path = await write('differences.safetensors', differences)

  const adapted = await latentsOf({ adapters: [{ path, scale: 0.5 }] })
  expect(relativeError(adapted, await latentsOf({ model: copy }))).toBeLessThan(1e-5)
  expect(relativeError(adapted, await latentsOf({}))).toBeGreaterThan(0.01)
})

test('each expert of a model with two has its own adapters', async () => {
  const path = await write(
    'both.safetensors',
    new Map([['transformer.blocks.0.attn1.to_q.diff_b', noise([64])]]),
  )
  // Two equal experts are one, so that the same adapter on both is that adapter on the one.
  const two = join(folder, 'two-experts')
  await cp(model, two, { recursive: true })
  await cp(join(model, 'transformer'), join(two, 'transformer_2'), { recursive: true })
  const index = JSON.parse(await readFile(join(model, 'model_index.json'), 'utf8')) as object
  const experts = { transformer_2: ['diffusers', 'WanTransformer3DModel'], boundary_ratio: 0.9 }
  await writeFile(join(two, 'model_index.json'), JSON.stringify({ ...index, ...experts }))

  const onBoth = await latentsOf({ model: two, adapters: [{ path }, { path, expert: 1 }] })
  const onOne = await latentsOf({ adapters: [{ path }] })
  const onSecond = await latentsOf({ model: two, adapters: [{ path, expert: 1 }] })
  const onFirst = await latentsOf({ model: two, adapters: [{ path }] })
  expect(relativeError(onBoth, onOne)).toBe(0)
  for (const partly of [onFirst, onSecond]) expect(relativeError(partly, onBoth)).toBeGreaterThan(1e-4)
  expect(relativeError(onFirst, onSecond)).toBeGreaterThan(1e-4)
})

test('each run says once what is left out of an adapter that was made for an image-to-video model', async () => {
  const names = [
    ...['k_img', 'v_img', 'norm_k_img'].flatMap(name =>
      [0, 1].map(block => `blocks.${block}.cross_attn.${name}`),
    ),
    ...[0, 1, 3, 4].map(index => `img_emb.proj.${index}`),
    'blocks.0.attn2.add_k_proj',
    'condition_embedder.image_embedder.ff.net.2',
  ]
  const path = await write(
    'image.safetensors',
    new Map([...names, 'blocks.0.self_attn.q'].map(name => [`diffusion_model.${name}.diff_b`, noise([64])])),
  )
  const listed = [
    'blocks.*.attn2.add_k_proj',
    ...['k_img', 'norm_k_img', 'v_img'].map(name => `blocks.*.cross_attn.${name}`),
    'condition_embedder.image_embedder.ff.net.*',
    'img_emb.proj.*',
  ]
  await using tiny = await openTinyEngine({ adapters: [{ path }] })
  for (const _ of [1, 2]) {
    const events = await collect(tiny.engine.generate({ ...tinyRequest, steps: 1 }))
    const notices = events.filter(event => event.type === 'notice')
    expect(notices).toMatchObject([
      {
        code: 'adapter/left-out',
        message: `adapter ${path}: left out what transformer has no layers for, 12 modules: ${listed.join(', ')}.`,
      },
    ])
  }
})

test('an adapter that does not fit is refused when the engine is opened', async () => {
  const path = await write('stray.safetensors', new Map([['blocks.9.self_attn.q.diff_b', noise([64])]]))
  expect(await failure(openTinyEngine({ adapters: [{ path }] }))).toMatchObject({
    code: 'checkpoint/tensors',
    message: expect.stringContaining('got 1 of another: blocks.9.self_attn.q.bias.'),
  })
})

describe('an engine refuses', () => {
  const pair = new Map([
    ['transformer_2.blocks.0.attn1.to_q.lora_A.weight', noise([2, 64])],
    ['transformer_2.blocks.0.attn1.to_q.lora_B.weight', noise([64, 2])],
  ])

  test('an adapter of a second expert for a model with one', async () => {
    const path = await write('second.safetensors', pair)
    expect(await failure(openTinyEngine({ adapters: [{ path }] }))).toMatchObject({
      code: 'checkpoint/tensors',
      message: expect.stringContaining('got transformer_2.blocks.0.attn1.to_q'),
    })
    expect(await failure(openTinyEngine({ adapters: [{ path, expert: 1 }] }))).toMatchObject({
      code: 'request/invalid',
      message: `expert of ${path}: expected 0, as the model has one expert, got 1. Give the file with --lora instead of --lora-2, or leave "expert" out.`,
    })
  })

  test('a scale that is no number, and a file that is not there', async () => {
    expect(await failure(openTinyEngine({ adapters: [{ path: 'a', scale: Number.NaN }] }))).toMatchObject({
      code: 'request/invalid',
    })
    expect(await failure(openTinyEngine({ adapters: [{ path: 'no.safetensors' }] }))).toMatchObject({
      code: 'checkpoint/not-found',
    })
  })
})
