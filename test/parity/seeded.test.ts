/** Every family and mode against diffusers, in a clone alone: see test/fixtures/goldens/seeded/record.py. */
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { GenerateRequest } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { engineOfCase } from './engine-of-case.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { tokensFirst } from './references.ts'
import { seededModels, writeSeededModel, writeSeededPicture } from './seeded-models.ts'

interface Case {
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

const cases = JSON.parse(readFileSync(fixture('seeded/cases.json'), 'utf8')) as Case[]
const results = readFixtureTensors(fixture('seeded/cases.safetensors'))
const models = seededModels()
const scratch = scratchFolder()
const written = new Set<string>()

const engineOf = engineOfCase()

test.each(cases)('$name: from prompt, inputs and seed, every step is what diffusers gives', async each => {
  const folder = path.join(scratch, each.model)
  if (!written.has(each.model)) await writeSeededModel(folder, models[each.model]!)
  written.add(each.model)
  const engine = await engineOf({ model: folder, pipeline: each.pipeline, experimental: true })
  const reference = results.get(`${each.name}.latents`)!.data as Float32Array
  const latents: number[] = []
  const frames: Uint8Array[] = []
  for await (const event of engine.generate(await requestOf(each))) {
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
})

async function requestOf({
  name,
  pipeline,
  seed,
  global_seed,
  call,
  request,
  inputs = {},
}: Case): Promise<GenerateRequest> {
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
