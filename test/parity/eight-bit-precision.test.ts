/** How far 8-bit arithmetic moves every step from what diffusers gives in f32, with the weights of the seeded models. */
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { seededModels, writeSeededModel } from './seeded-models.ts'

const scratch = keepSessionsOf(scratchFolder())

type EightBits = 'int8' | 'fp8'

async function latentsOf(model: string, precision: 'f32' | EightBits, steps: number): Promise<number[][]> {
  await using engine = await openKeptEngine({ model, precision })
  const latents: number[][] = []
  const request = {
    prompt: 'a red ball moves to the right on a white background',
    frames: 9,
    steps,
    seed: 3,
    tensors: true,
  }
  for await (const event of engine.generate(request)) {
    if (event.type === 'step-end') latents.push([...(event.tensors!.latents.data as Float32Array)])
    if (latents.length === steps) break // Nothing of it is decoded.
  }
  return latents
}

/** Relative errors of the latents after a step: the built-in model's first, its last of 20, and any of a seeded model. */
const limits = {
  int8: { first: 0.005, last: 0.1, seeded: 0.05 },
  fp8: { first: 0.01, last: 0.2, seeded: 0.1 },
} as const

const builtIn = path.resolve('models/doodle/checkpoint')
let exact: number[][]
beforeAll(async () => {
  exact = await latentsOf(builtIn, 'f32', 20)
})

describe.each(Object.entries(limits) as [EightBits, (typeof limits)[EightBits]][])(
  '%s',
  (precision, limit) => {
    test(`is within ${limit.first} of f32 after the built-in model's first step, and ${limit.last} after its last`, async () => {
      const rounded = await latentsOf(builtIn, precision, 20)
      const errors = exact.map((latents, step) => relativeError(rounded[step]!, latents))
      expect(errors[0]).toBeGreaterThan(1e-6)
      expect(errors[0]).toBeLessThan(limit.first)
      expect(errors.at(-1)).toBeLessThan(limit.last)
    })

    test(`is within ${limit.seeded} of what diffusers gives after every step of a seeded Wan`, async () => {
      const model = path.join(scratch, precision)
      await writeSeededModel(model, seededModels()['wan21-t2v']!)
      const reference = readFixtureTensors(fixture('seeded/cases.safetensors')).get('wan-text.latents')!
      await using engine = await openKeptEngine({ model, precision })
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
        expect(error).toBeLessThan(limit.seeded)
      }
    })
  },
)
