/** A run that is resumed from a saved state makes the video that it would have made. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDenoiseState, saveDenoiseState } from '../../../src/engine/denoise-file.ts'
import { builtInModel, type Engine, resolveModel } from '../../../src/index.ts'
import { checkResumed } from '../../../src/pipeline/check-resumed.ts'
import type { RunSettings } from '../../../src/pipeline/denoise-stage.ts'
import type { DenoiseState } from '../../../src/pipeline/denoise-state.ts'
import { firstState } from '../../../src/pipeline/denoise-state.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import { startOfNoise } from '../../../src/tensor/random.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { openTinyEngine, type TinyEngine, tinyRequest } from '../engine/tiny-engine.ts'

const folder = scratchFolder()
let tiny: TinyEngine
beforeAll(async () => {
  tiny = await openTinyEngine()
})
afterAll(() => tiny[Symbol.asyncDispose]())

interface Run {
  readonly states: readonly DenoiseState[]
  readonly steps: readonly number[]
  readonly pixels: Buffer
  readonly latents: Buffer
  readonly skippedSteps: number
}

async function make(engine: Engine, request: GenerateRequest, settings: RunSettings = {}): Promise<Run> {
  const states: DenoiseState[] = []
  const steps: number[] = []
  const pixels: Uint8Array[] = []
  for await (const event of engine.generate(request, { ...settings, states: true })) {
    if (event.type === 'step-end') {
      states.push(event.state!)
      steps.push(event.step)
    }
    if (event.type === 'frames-decoded') pixels.push(event.frames)
    if (event.type === 'video-end') {
      const latents = Buffer.from((event.latents.data as Float32Array).slice().buffer)
      return { states, steps, pixels: Buffer.concat(pixels), latents, skippedSteps: event.skippedSteps }
    }
  }
  throw new Error('the run ended without a video-end event')
}

/** Through a file, as another process would. */
async function stored(state: DenoiseState): Promise<DenoiseState> {
  const path = join(folder, 'state.safetensors')
  await saveDenoiseState(path, state, 'a request')
  return await loadDenoiseState(path, 'a request')
}

async function picture(path: string, background: string): Promise<void> {
  await sharp({ create: { width: 64, height: 64, channels: 3, background } }).toFile(path)
}

const cases: readonly (readonly [string, Partial<GenerateRequest>])[] = [
  ['UniPC', { sampler: 'unipc' }],
  ['Euler', { sampler: 'euler' }],
  ['DPM-Solver++', { sampler: 'dpm++2m' }],
  ['the stochastic sampler, which draws noise in every step', { sampler: 'lcm' }],
  ['projected guidance, which has a running average', { guidanceMethod: 'apg' }],
  ['the step cache', { stepCache: 1, steps: 8 }],
]

describe('a resumed run is equal to the whole one, to the bit', () => {
  test.each(cases)('with %s', async (_, fields) => {
    const request = { ...tinyRequest, ...fields }
    const whole = await make(tiny.engine, request)
    for (const at of [0, 1, whole.states.length - 1]) {
      const resumed = await make(tiny.engine, request, { resume: await stored(whole.states[at]!) })
      expect(resumed.steps).toEqual(whole.steps.slice(at + 1))
      expect(resumed.latents.equals(whole.latents)).toBe(true)
      expect(resumed.pixels.equals(whole.pixels)).toBe(true)
      expect(resumed.skippedSteps).toBe(whole.skippedSteps)
    }
  })

  test('with a first and a last frame, of the built-in model', async () => {
    const model = await resolveModel(builtInModel)
    await using engine = await openKeptEngine({ model })
    const [image, lastImage] = [join(folder, 'first.png'), join(folder, 'last.png')]
    await picture(image, '#c81414')
    await picture(lastImage, '#1414c8')
    const request = { prompt: 'a red ball', image, lastImage, frames: 5, steps: 3, seed: 3 }
    const whole = await make(engine, request)
    const resumed = await make(engine, request, { resume: await stored(whole.states[0]!) })
    expect(resumed.pixels.equals(whole.pixels)).toBe(true)
  })
})

describe('a saved state', () => {
  test('is refused for another request, and when the file is damaged', async () => {
    const { states } = await make(tiny.engine, tinyRequest)
    const path = join(folder, 'other.safetensors')
    await saveDenoiseState(path, states[0]!, 'a request')
    const other = await failure(loadDenoiseState(path, 'another'))
    expect(other.code).toBe('request/invalid')
    expect(other.message).toContain('expected the state of this request, got that of another.')
    await writeFile(path, 'no such format')
    expect((await failure(loadDenoiseState(path, 'a request'))).code).toBe('checkpoint/corrupt')
  })

  test('of another size is refused before the network runs', async () => {
    const { states } = await make(tiny.engine, tinyRequest)
    const run = make(tiny.engine, { ...tinyRequest, frames: 9 }, { resume: states[0]! })
    const { code, message } = await failure(run)
    expect(code).toBe('request/invalid')
    expect(message).toMatch(
      /^state to resume from: expected latents of 16x3x2x2 and a step from 0 to 4, got 128 values/,
    )
  })
})

test.each([0, 1, 5])('a state at step %s is refused by a run of the steps 2 to 4', step => {
  const latents = new Float32Array(2)
  const check = (at: number) => {
    const state = firstState(at, [latents], startOfNoise)
    checkResumed(state, [tensor('f32', [1, 2], latents)], { firstStep: 2, steps: 4 })
  }
  expect(() => check(step)).toThrow(
    `expected latents of 1x2 and a step from 2 to 4, got 2 values and step ${step}.`,
  )
  for (const own of [2, 3, 4]) expect(() => check(own)).not.toThrow()
})

describe('previews', () => {
  test('come every so many steps but the last, and change nothing of the video', async () => {
    const request = { ...tinyRequest, steps: 6 }
    const { pixels } = await make(tiny.engine, request)
    const seen: number[] = []
    const frames: Uint8Array[] = []
    for await (const event of tiny.engine.generate(request, { previewEvery: 2 })) {
      if (event.type === 'frames-decoded') frames.push(event.frames)
      if (event.type !== 'preview') continue
      seen.push(event.step)
      expect(event).toMatchObject({ of: 6, width: 16, height: 16 })
      expect(event.frame).toHaveLength(16 * 16 * 3)
      expect(new Set(event.frame).size).toBeGreaterThan(3)
    }
    expect(seen).toEqual([2, 4])
    expect(Buffer.concat(frames).equals(pixels)).toBe(true)
  })
})
