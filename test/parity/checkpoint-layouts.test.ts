/** Checkpoints that are not laid out as their family publishes them: the latents are those of diffusers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GenerateEvent, GenerateRequest } from '../../src/index.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { copyModel } from '../copied-model.ts'
import { committedModel, fixture, hasFixture } from '../fixtures.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { failure, scratchFolder } from '../scratch.ts'

const reference = readFixtureTensors(fixture('checkpoints/latents.safetensors'))
const scratch = scratchFolder()
let count = 0

/** A copy of a model with some fields of its JSON files replaced. */
function edited(model: string, edits: Readonly<Record<string, object>>): string {
  const folder = join(scratch, `model-${count++}`)
  copyModel(model, folder)
  for (const [file, fields] of Object.entries(edits)) {
    const path = join(folder, file)
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...fields }))
  }
  return folder
}

const ball = { prompt: 'a red ball', width: 48, height: 32, frames: 9, steps: 3, guidance: 1, seed: 7 }
const cat = { prompt: 'a cat', width: 64, height: 64, frames: 9, guidance: 1, seed: 7 }

async function eventsOf(
  model: string,
  request: GenerateRequest,
  pipeline?: string,
): Promise<GenerateEvent[]> {
  await using engine = await openKeptEngine({
    model,
    ...(pipeline && { pipeline }),
  })
  const events: GenerateEvent[] = []
  for await (const event of engine.generate(request)) events.push(event)
  return events
}

async function expectLatents(events: readonly GenerateEvent[], name: string): Promise<void> {
  const end = events.find(event => event.type === 'video-end')!
  expect(
    relativeError(end.latents.data as Float32Array, reference.get(name)!.data as Float32Array),
  ).toBeLessThan(5e-6)
}

describe('a scheduler that model_index.json and scheduler_config.json name differently', () => {
  test.each([
    ['FlowMatchEulerDiscreteScheduler', { shift: 3 }, 'wan21-t2v.index-euler'],
    ['DPMSolverMultistepScheduler', { _use_default_values: ['solver_order'] }, 'wan21-t2v.index-dpm'],
  ])('is the %s of the index, and a notice says so', async (name, fields, expected) => {
    const folder = edited(committedModel, {
      'model_index.json': { scheduler: ['diffusers', name] },
      'scheduler/scheduler_config.json': fields,
    })
    const events = await eventsOf(folder, ball)
    await expectLatents(events, expected)
    const notices = events.flatMap(event => (event.type === 'notice' ? [event] : []))
    expect(notices).toContainEqual({
      type: 'notice',
      code: 'checkpoint/replaced',
      message: `scheduler: model_index.json says ${name} and scheduler_config.json says UniPCMultistepScheduler; ${name} is used, as diffusers does`,
    })
  })
})

describe.skipIf(!hasFixture('wan22-t2v-a14b/model'))('the low-noise expert alone', () => {
  const alone = (boundary: number) =>
    edited(fixture('wan22-t2v-a14b/model'), {
      'model_index.json': { transformer: [null, null], boundary_ratio: boundary },
    })

  test('runs steps below the boundary', async () => {
    await expectLatents(await eventsOf(alone(1), { ...ball, guidance: 4 }), 'wan22-t2v-a14b.low-noise')
  })

  test('refuses the steps of the expert that is not there', async () => {
    expect(await failure(eventsOf(alone(0.875), ball))).toMatchObject({
      code: 'request/unsupported',
      message:
        'steps: expected timesteps below 875, for which the checkpoint has an expert (transformer_2), got one at 999. Use a checkpoint with both experts.',
    })
  })

  test('without a boundary is refused, for every step is of the other one', async () => {
    const folder = edited(fixture('wan22-t2v-a14b/model'), {
      'model_index.json': { transformer: [null, null], boundary_ratio: null },
    })
    expect(await failure(eventsOf(folder, ball))).toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringMatching(/model_index\.json boundary_ratio: expected a number, .*, got null\. /),
    })
  })

  test('and the high-noise expert alone refuses the steps below', async () => {
    const folder = edited(fixture('wan22-t2v-a14b/model'), {
      'model_index.json': { transformer_2: [null, null] },
    })
    expect((await failure(eventsOf(folder, ball))).message).toMatch(
      /^steps: expected timesteps from 875 on, for which the checkpoint has an expert \(transformer\), got one at \d+\./,
    )
  })
})

test('settings of the pipeline that are null are those that are not there', async () => {
  const nulls = {
    expand_timesteps: null,
    boundary_ratio: null,
    transformer_2: [null, null],
    image_encoder: [null, null],
  }
  const [plain, withNulls] = await Promise.all([
    eventsOf(committedModel, ball),
    eventsOf(edited(committedModel, { 'model_index.json': nulls }), ball),
  ])
  const latents = (events: readonly GenerateEvent[]) =>
    events.find(event => event.type === 'video-end')!.latents.data
  expect(latents(withNulls)).toEqual(latents(plain))
})

describe.each(['ltx-condition', 'ltx-video'])('LTX image to video, %s', name => {
  const request = {
    ...cat,
    frames: 17,
    steps: 3,
    guidance: 3,
    negativePrompt: 'blurry',
    fps: 25,
    image: fixture('wan21-i2v/inputs/case-2-image.png'),
  }

  test.skipIf(!hasFixture(`${name}/model/vae/diffusion_pytorch_model.safetensors`))(
    'makes what LTXImageToVideoPipeline makes',
    async () => {
      const events = await eventsOf(fixture(`${name}/model`), request, 'LTXImageToVideoPipeline')
      await expectLatents(events, `${name}.image-to-video`)
    },
  )

  test.skipIf(name !== 'ltx-video' || !hasFixture('ltx-video/model'))(
    'is what a folder of LTXPipeline makes of a first frame',
    async () => {
      await expectLatents(await eventsOf(fixture(`${name}/model`), request), `${name}.image-to-video`)
    },
  )
})

describe('noise levels that the request places', () => {
  test.each<[string, GenerateRequest, string]>([
    ['sigmas, with UniPC', { ...ball, sigmas: [1, 0.9, 0.6] }, 'wan21-t2v.sigmas'],
    [
      'timesteps, with Euler',
      { ...ball, timesteps: [1000, 757, 522], sampler: 'euler', shift: 3 },
      'wan21-t2v.euler-timesteps',
    ],
  ])('make what diffusers makes of them: %s', async (_, request, expected) => {
    await expectLatents(await eventsOf(committedModel, request), expected)
  })

  test.skipIf(!hasFixture('ltx-condition/model/vae'))(
    'make what LTXConditionPipeline makes of the eight of the distilled model',
    async () => {
      const timesteps = [1000, 993, 987, 981, 975, 909, 725, 0.03]
      const events = await eventsOf(fixture('ltx-condition/model'), { ...cat, timesteps })
      expect(events.filter(({ type }) => type === 'step-end')).toHaveLength(8)
      await expectLatents(events, 'ltx-condition.timesteps')
    },
  )

  test.each<[Partial<GenerateRequest>, string, RegExp]>([
    [
      { timesteps: [1000, 500] },
      'request/unsupported',
      /^schedule: expected steps or sigmas for the sampler unipc, got timesteps/,
    ],
    [
      { sigmas: [1, 0.5], sampler: 'dpm++2m' },
      'request/unsupported',
      /^schedule: expected steps for the sampler dpm\+\+2m, got sigmas/,
    ],
    [
      { timesteps: [1000], sigmas: [1] },
      'request/invalid',
      /^timesteps: expected no sigmas beside them, got both/,
    ],
    [{ sigmas: [1, 0.5, 0.7] }, 'request/invalid', /^sigmas: expected falling numbers above 0 and up to 1/],
    [{ timesteps: [1001] }, 'request/invalid', /^timesteps: expected falling numbers above 0 and up to 1000/],
    [{ sigmas: [] }, 'request/invalid', /^sigmas/],
    [
      { sigmas: [1, 0.5], steps: 3 },
      'request/invalid',
      /^steps: expected 2, the number of sigmas, got 3\. Leave it out\./,
    ],
  ])('are refused as diffusers refuses them: %j', async (fields, code, message) => {
    const { steps: _, ...request } = ball
    const error = await failure(eventsOf(committedModel, { ...request, ...fields }))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

describe('latents that are given', () => {
  test.skipIf(!hasFixture('ltx-condition/model/vae'))(
    'are refined as LTXConditionPipeline does',
    async () => {
      const latents = join(scratch, 'first.safetensors')
      await writeSafetensors(latents, new Map([['latents', reference.get('given.latents')!]]))
      const events = await eventsOf(fixture('ltx-condition/model'), {
        ...cat,
        steps: 5,
        strength: 0.4,
        latents,
      })
      expect(events.filter(({ type }) => type === 'step-end')).toHaveLength(2)
      await expectLatents(events, 'ltx-condition.refined')
    },
  )

  test('that were saved are refined where the model starts from a clip otherwise', async () => {
    const latents = join(scratch, 'wan.safetensors')
    await writeSafetensors(latents, new Map([['latents', reference.get('wan21-t2v.sigmas')!]]))
    const events = await eventsOf(committedModel, { ...ball, strength: 0.7, latents })
    expect(events.filter(({ type }) => type === 'step-end')).toHaveLength(2)
  })

  test.each<[Partial<GenerateRequest>, RegExp]>([
    [{ strength: undefined }, /^latents: expected strength beside it, got none/],
    [{ image: 'a.png' }, /^latents: expected no image beside them, got both/],
    [{ width: 64 }, /^latents .*: expected \[16, 3, 4, 8\], the size of the video, got \[16, 3, 4, 6\]/],
  ])('are refused where they do not fit: %j', async (fields, message) => {
    const latents = join(scratch, 'wan.safetensors')
    await writeSafetensors(latents, new Map([['latents', reference.get('wan21-t2v.sigmas')!]]))
    const request = { ...ball, strength: 0.7, latents, ...fields }
    expect(await failure(eventsOf(committedModel, request))).toMatchObject({
      code: 'request/invalid',
      message: expect.stringMatching(message),
    })
  })
})
