import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { builtInModel, resolveModel } from '../../../src/engine/model-name.ts'
import { renderVideo } from '../../../src/engine/render.ts'
import { listed, Notices } from '../../../src/notices.ts'
import type { ModelFacts } from '../../../src/pipeline/family.ts'
import { type GenerateRequest, planRequest } from '../../../src/pipeline/request.ts'
import { readVisualInputs } from '../../../src/pipeline/visual.ts'
import { fixture } from '../../fixtures.ts'
import { collect, openTinyEngine, tinyRequest } from '../engine/tiny-engine.ts'

let builtIn: ModelFacts
let plain: ModelFacts

beforeAll(async () => {
  builtIn = (await openCheckpoint(await resolveModel(builtInModel), families)).model.facts
  plain = (await openCheckpoint(fixture('wan21-t2v/model'), families)).model.facts
})

const trained = { prompt: 'a red ball bounces on a blue floor' }

function noticed(request: Partial<GenerateRequest>, facts = builtIn) {
  const notices = new Notices()
  planRequest({ ...trained, ...request } as GenerateRequest, facts, {
    fields: requestFields,
    randomSeed: () => 1n,
    notify: notices.add,
  })
  return notices.take().map(({ code, message }) => `${code} ${message}`)
}

describe('a plan', () => {
  test('is silent about a request that is made as it was asked for', () => {
    expect(noticed({})).toEqual([])
    expect(noticed({ width: 64, height: 64, frames: 17, negativePrompt: 'a green star' })).toEqual([])
  })

  test('notices words that the model was not trained on', () => {
    const subject =
      'balls, squares, triangles, stars and rings in eight colours that move on eight backgrounds'
    expect(noticed({ prompt: 'A cat walks on the grass' })).toEqual([
      `prompt/unknown-words prompt: the model was not trained on the words "cat", "walks". It makes ${subject}.`,
    ])
    expect(noticed({ negativePrompt: 'blurry' })[0]).toContain('negative prompt: the model was not trained')
  })

  test('notices sizes and lengths that the model was not trained at', () => {
    expect(noticed({ width: 160, height: 160, frames: 33 })).toEqual([
      'request/untrained size: the model was trained at 64x64; at 160x160 objects may be misshapen, missing or repeated.',
      'request/untrained frames: the model was trained at 17 frames; at 33 motion may be wrong.',
    ])
  })

  test('makes no statement for a checkpoint that does not say what it was trained for', () => {
    expect(noticed({ prompt: 'a cat', width: 160, height: 160, frames: 33 }, plain)).toEqual([])
  })

  test.each<[Partial<GenerateRequest>, string]>([
    [{ seconds: 2 }, 'request/rounded seconds: 2 at 8 fps is rounded to 17 frames, 2.125 s.'],
    [{ seconds: 9, frames: 17 }, 'request/unused seconds: no effect beside frames; 17 frames are made.'],
    [
      { guidance: 1, negativePrompt: 'a star' },
      'request/unused negativePrompt: no effect without guidance (guidance 1).',
    ],
    [
      { guidance: 1, guidanceRescale: 0.5 },
      'request/unused guidanceRescale: no effect without guidance (guidance 1).',
    ],
    [
      { guidanceInterval: [0.33, 1] },
      'request/rounded guidanceInterval: 0.33 to 1 of 20 steps is rounded down to 6 to 20.',
    ],
  ])('%o', (request, message) => {
    expect(noticed(request)).toEqual([message])
  })

  test('of 17 frames at 8 fps is what 2.125 seconds ask for', () => {
    expect(noticed({ seconds: 2.125 })).toEqual([])
  })

  test.each<[Partial<GenerateRequest>, string]>([
    [
      { image: 'a.png', keyframes: [{ frame: 0, path: 'b.png' }] },
      'keyframe 0:b.png: expected no other picture for frame 0, got image. Leave one of them out.',
    ],
    [
      { lastImage: 'a.png', keyframes: [{ frame: 16, path: 'b.png' }] },
      'keyframe 16:b.png: expected no other picture for frame 16, got lastImage. Leave one of them out.',
    ],
    [
      {
        keyframes: [
          { frame: 8, path: 'a.png' },
          { frame: 8, path: 'b.png' },
        ],
      },
      'keyframe 8:b.png: expected no other picture for frame 8, got keyframe 8:a.png. Leave one of them out.',
    ],
    [
      { lastImage: 'a.png', keyframes: [{ frame: -1, path: 'b.png' }] },
      'keyframe 16:b.png: expected no other picture for frame 16, got lastImage. Leave one of them out.',
    ],
  ])('refuses two pictures for one frame: %o', (request, message) => {
    expect(() => noticed(request)).toThrow(message)
  })
})

describe('pictures and clips', () => {
  test('that are cut, stretched or played at another pace are noticed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'framewright-notices-'))
    const grey = { create: { width: 64, height: 32, channels: 3 as const, background: 'grey' } }
    const picture = join(folder, 'a.png')
    await sharp(grey).png().toFile(picture)
    const clip = join(folder, 'clip.gif')
    const strip = { create: { width: 64, height: 64 * 9, channels: 3 as const, background: 'grey' } }
    const noise = await sharp(strip).raw().toBuffer()
    for (let frame = 0; frame < 9; frame++)
      noise.fill(20 * frame, frame * 64 * 64 * 3, (frame + 1) * 64 * 64 * 3)
    await sharp(noise, { raw: { width: 64, height: 64 * 9, channels: 3, pageHeight: 64 } })
      .gif({ delay: Array.from({ length: 9 }, () => 100), loop: 0 })
      .toFile(clip)
    const plan = planRequest(
      { ...trained, image: picture, keyframes: [{ frame: 8, path: clip }], frames: 13 },
      builtIn,
      { fields: requestFields, randomSeed: () => 1n },
    )
    const notices = new Notices()
    const inputs = await readVisualInputs(plan, new AbortController().signal, notices.add)
    expect(inputs.keyframes[0]!.pictures).toHaveLength(5)
    const room = 'only its first 5 frames are used, as many as the video has room for'
    expect(new Set(notices.take().map(({ message }) => message))).toEqual(
      new Set([
        `${picture}: 64x32 is stretched to 64x64, which has another shape.`,
        `${clip}: frames of 10 fps are resampled by their times to 8 fps.`,
        `${clip}: ${room}.`,
      ]),
    )
    // A model that covers a frame with them cuts what stands over.
    await readVisualInputs(plan, new AbortController().signal, notices.add, [], { covers: () => true })
    expect(notices.take()).toContainEqual({
      code: 'picture/cropped',
      message: `${picture}: the edges of 64x32 are cut for 64x64, which has another shape.`,
    })
  })
})

test('of an animation that is given as a picture, the first one is used, which is noticed', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'framewright-notices-')), 'a.webp')
  const strip = await sharp({ create: { width: 64, height: 128, channels: 3, background: 'grey' } })
    .raw()
    .toBuffer()
  strip.fill(0, 64 * 64 * 3)
  await sharp(strip, { raw: { width: 64, height: 128, channels: 3, pageHeight: 64 } })
    .webp({ delay: [100, 100], loop: 0 })
    .toFile(path)
  const first = `${path}: only its first picture is used, of an animation.`
  const read = async (request: Partial<GenerateRequest>) => {
    const notices = new Notices()
    const plan = planRequest({ ...trained, ...request } as GenerateRequest, builtIn, {
      fields: requestFields,
      randomSeed: () => 1n,
    })
    await readVisualInputs(plan, new AbortController().signal, notices.add)
    return notices.take()
  }
  expect(await read({ image: path })).toEqual([{ code: 'picture/first', message: first }])
  expect(await read({ lastImage: path })).toEqual([{ code: 'picture/first', message: first }])
})

describe('events', () => {
  test('say when the tokenizer takes fewer tokens than are asked for', async () => {
    await using tiny = await openTinyEngine()
    const of = async (maxTextTokens: number) => {
      const events = await collect(tiny.engine.generate({ ...tinyRequest, maxTextTokens }))
      return events.flatMap(event => (event.type === 'notice' ? [event.message] : []))
    }
    expect(await of(600)).toEqual([
      "maxTextTokens: 512 are used, the most that the model's tokenizer takes, of the 600 asked for.",
    ])
    expect(await of(512)).toEqual([])
  })

  test('say when a file format cannot hold the time of a frame', async () => {
    await using tiny = await openTinyEngine()
    const of = async (name: string, fps: number) => {
      const path = join(await mkdtemp(join(tmpdir(), 'framewright-notices-')), name)
      const said: string[] = []
      const output = { path, model: 'tiny', version: '1' }
      for await (const event of renderVideo(tiny.engine, { ...tinyRequest, steps: 1, fps }, output))
        if (event.type === 'notice') said.push(`${event.code} ${event.message}`)
      return said
    }
    const rule = 'as the format has no steps between; the mean is right'
    expect(await of('a.gif', 16)).toEqual([
      `output/rounded .gif: frames of 16 fps are shown for 60 or 70 ms each, ${rule}.`,
    ])
    expect(await of('a.webp', 16)).toEqual([
      `output/rounded .webp: frames of 16 fps are shown for 62 or 63 ms each, ${rule}.`,
    ])
    expect(await of('a.gif', 25)).toEqual([])
    expect(await of('a.webp', 8)).toEqual([])
    expect(await of('a.mp4', 16)).toEqual([])
  })

  test('say once what was noticed, after the start: here a prompt that is cut', async () => {
    await using tiny = await openTinyEngine()
    const prompt = 'a cat '.repeat(40)
    const events = await collect(tiny.engine.generate({ ...tinyRequest, prompt, seconds: 1, frames: 5 }))
    expect(events.slice(0, 4).map(({ type }) => type)).toEqual([
      'start',
      'notice',
      'notice',
      'conditioning-ready',
    ])
    expect(events.filter(({ type }) => type === 'notice')).toEqual([
      {
        type: 'notice',
        code: 'request/unused',
        message: 'seconds: no effect beside frames; 5 frames are made.',
      },
      {
        type: 'notice',
        code: 'prompt/truncated',
        message:
          'prompt: only its first 16 tokens count for this model; the rest is cut off ("a cat a cat a cat a cat a cat a cat a ca…").',
      },
    ])
  })
})

test('a list is cut to what fits into a message', () => {
  expect(listed(['a', 'b'])).toBe('a, b')
  expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more')
})
