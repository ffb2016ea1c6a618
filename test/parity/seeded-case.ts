/** A case of `test/fixtures/goldens/seeded`: its model and inputs, and what diffusers gives from them. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import type { Engine, EngineOptions, GenerateRequest } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { tokensFirst } from './references.ts'
import { seededModels, writeSeededModel, writeSeededPicture } from './seeded-models.ts'

export interface SeededCase {
  readonly name: string
  readonly model: string
  readonly pipeline: string
  readonly seed: number
  readonly global_seed?: number
  /** First tokens that are known and that diffusers does not step: ours are put in place when the steps are over. */
  readonly known_tokens?: number
  readonly call: RecordedCall & { readonly height: number; readonly width: number }
  /** Further fields of the request. */
  readonly request?: Partial<GenerateRequest>
  readonly inputs?: {
    image?: number
    last_image?: number
    video?: number[]
    mask?: number[]
    reference_images?: number[]
    conditions?: { frame: number; strength: number; pictures: number[] }[]
  }
}

export const seededCases = JSON.parse(readFileSync(fixture('seeded/cases.json'), 'utf8')) as SeededCase[]
const results = readFixtureTensors(fixture('seeded/cases.safetensors'))
const models = seededModels()

type EngineOf = (options: EngineOptions) => Promise<Engine>

/** The engine of a case, with further options. */
async function opened(
  each: SeededCase,
  engineOf: EngineOf,
  scratch: string,
  options?: Partial<EngineOptions>,
): Promise<Engine> {
  const folder = path.join(scratch, each.model)
  if (!existsSync(folder)) await writeSeededModel(folder, models[each.model]!)
  return await engineOf({ model: folder, pipeline: each.pipeline, experimental: true, ...options })
}

/** Runs a case, and gives the latents after every step. */
export async function latentsOfCase(
  each: SeededCase,
  engineOf: EngineOf,
  scratch: string,
  options?: Partial<EngineOptions>,
): Promise<number[][]> {
  const engine = await opened(each, engineOf, scratch, options)
  const latents: number[][] = []
  for await (const event of engine.generate(await requestOf(each, scratch))) {
    if (event.type === 'step-end') latents.push([...(event.tensors!.latents.data as Float32Array)])
  }
  return latents
}

/** Runs a case, and expects in every step and in the last frame what diffusers gives. */
export async function expectReference(each: SeededCase, engineOf: EngineOf, scratch: string): Promise<void> {
  const engine = await opened(each, engineOf, scratch)
  const reference = results.get(`${each.name}.latents`)!.data as Float32Array
  const latents: number[] = []
  const frames: Uint8Array[] = []
  for await (const event of engine.generate(await requestOf(each, scratch))) {
    if (event.type === 'step-end') {
      const ours = event.tensors!.latents
      const known = (each.known_tokens ?? 0) * ours.shape[0]!
      const values = each.pipeline.startsWith('LTX') ? tokensFirst(ours) : [...(ours.data as Float32Array)]
      const from = latents.length
      latents.push(...reference.subarray(from, from + known), ...values.slice(known))
    }
    if (event.type === 'frames-decoded') frames.push(event.frames)
  }
  expect(latents.length).toBe(reference.length)
  expect(relativeError(latents, reference)).toBeLessThan(1e-4)
  const levels = Buffer.concat(frames)
  const kept = results.get(`${each.name}.frames`)!
  const count = each.call.num_frames ?? each.inputs!.video!.length
  const bytes = levels.length / count
  // The last frame is kept.
  const shown = [...levels.subarray((count - 1) * bytes)]
  const expected = kept.data as Uint8Array
  expect(shown.length).toBe(expected.length)
  const off = shown.filter((level, index) => Math.abs(level - expected[index]!) > 1).length
  expect(off / shown.length).toBeLessThanOrEqual(0.001)
}

async function requestOf(
  { name, pipeline, seed, global_seed, call, request, inputs = {} }: SeededCase,
  scratch: string,
): Promise<GenerateRequest> {
  const folder = path.join(scratch, 'inputs', name)
  const pictures = async (what: string, numbers: readonly number[]): Promise<string[]> => {
    mkdirSync(path.join(folder, what), { recursive: true })
    const files = numbers.map((_, index) => path.join(folder, what, `${index}.png`))
    const { width, height } = call
    for (const [index, file] of files.entries()) {
      await writeSeededPicture(file, numbers[index]!, { width, height, mask: what === 'mask' })
    }
    return files
  }
  const one = async (what: string, number: number) => (await pictures(what, [number]))[0]!
  const clip = async (what: string, numbers: readonly number[]) =>
    path.dirname((await pictures(what, numbers))[0]!)
  const { guidance_scale_2: second, ...once } = call
  const { image, last_image, video, mask, reference_images, conditions } = inputs
  const keyframes = conditions?.map(async ({ frame, strength, pictures: numbers }, index) => {
    const what = `condition-${index}`
    return {
      frame,
      strength,
      path: await (numbers.length > 1 ? clip(what, numbers) : one(what, numbers[0]!)),
    }
  })
  return {
    ...requestOfCall(once),
    // Where the pipeline takes its size from the picture, these are the picture's.
    ...(pipeline.startsWith('Hunyuan') && image !== undefined && { width: undefined, height: undefined }),
    frames: call.num_frames ?? video!.length,
    ...(second !== undefined && { guidance: [call.guidance_scale!, second] }),
    ...(global_seed !== undefined && { decodeSeed: global_seed }),
    ...(image !== undefined && { image: await one('image', image) }),
    ...(last_image !== undefined && { lastImage: await one('last-image', last_image) }),
    ...(video && { video: await clip('video', video) }),
    ...(mask && { mask: await clip('mask', mask) }),
    ...(reference_images && { references: await pictures('references', reference_images) }),
    ...(keyframes && { keyframes: await Promise.all(keyframes) }),
    ...request,
    seed,
  }
}
