/** How far 8-bit integers move every step from what diffusers gives in f32, with the weights of the seeded models. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { seededModels, writeSeededModel } from './seeded-models.ts'

const scratch = scratchFolder()

async function latentsOf(model: string, precision: 'f32' | 'int8', steps: number): Promise<number[][]> {
  await using engine = await createEngine({ model, device: 'cpu', precision, threads: 1 })
  const latents: number[][] = []
  const request = {
    prompt: 'a red ball moves to the right on a white background',
    steps,
    seed: 3,
    tensors: true,
  }
  for await (const event of engine.generate(request)) {
    if (event.type === 'step-end') latents.push([...(event.tensors!.latents.data as Float32Array)])
  }
  return latents
}

test('the built-in model in int8 is within 0.5 % of f32 after its first step, and 10 % after its last of 20', async () => {
  const model = path.resolve('models/doodle/checkpoint')
  const [f32, int8] = [await latentsOf(model, 'f32', 20), await latentsOf(model, 'int8', 20)]
  const errors = f32.map((latents, step) => relativeError(int8[step]!, latents))
  expect(errors[0]).toBeGreaterThan(1e-6)
  expect(errors[0]).toBeLessThan(0.005)
  expect(errors.at(-1)).toBeLessThan(0.1)
})

test('a seeded Wan in int8 is within 5 % of what diffusers gives after every step', async () => {
  const model = path.join(scratch, 'wan')
  await writeSeededModel(model, seededModels()['wan21-t2v']!)
  const reference = readFixtureTensors(fixture('seeded/cases.safetensors')).get('wan-text.latents')!
  await using engine = await createEngine({ model, device: 'cpu', precision: 'int8', threads: 1 })
  const request = {
    prompt: 'A cat and a dog bake a cake together in a small kitchen.',
    negativePrompt: 'blurry, static',
    width: 32,
    height: 32,
    frames: 5,
    steps: 3,
    guidance: 5,
    maxTextTokens: 64,
    seed: 7,
    tensors: true,
  }
  const size = reference.data.length / 3
  for await (const event of engine.generate(request)) {
    if (event.type !== 'step-end') continue
    const expected = (reference.data as Float32Array).subarray((event.step - 1) * size, event.step * size)
    const error = relativeError([...(event.tensors!.latents.data as Float32Array)], expected)
    expect(error).toBeGreaterThan(1e-5)
    expect(error).toBeLessThan(0.05)
  }
})
