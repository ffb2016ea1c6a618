/** Checkpoints that are not laid out as their family publishes them: the latents are those of diffusers. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createEngine, type GenerateEvent, type GenerateRequest } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { failure, scratchFolder } from '../scratch.ts'

const reference = readFixtureTensors(fixture('checkpoints/latents.safetensors'))
const scratch = scratchFolder()
let count = 0

/** A copy of a model with some fields of its JSON files replaced. */
function edited(name: string, edits: Readonly<Record<string, object>>): string {
  const folder = join(scratch, `model-${count++}`)
  cpSync(fixture(`${name}/model`), folder, { recursive: true })
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
  await using engine = await createEngine({ model, device: 'cpu', threads: 1, ...(pipeline && { pipeline }) })
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
    const folder = edited('wan21-t2v', {
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
    edited('wan22-t2v-a14b', {
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
    const folder = edited('wan22-t2v-a14b', {
      'model_index.json': { transformer: [null, null], boundary_ratio: null },
    })
    expect(await failure(eventsOf(folder, ball))).toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringMatching(/model_index\.json boundary_ratio: expected a number, .*, got null\. /),
    })
  })

  test('and the high-noise expert alone refuses the steps below', async () => {
    const folder = edited('wan22-t2v-a14b', { 'model_index.json': { transformer_2: [null, null] } })
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
    eventsOf(fixture('wan21-t2v/model'), ball),
    eventsOf(edited('wan21-t2v', { 'model_index.json': nulls }), ball),
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
