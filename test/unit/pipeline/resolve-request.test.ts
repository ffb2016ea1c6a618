import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { requestFields } from '../../../src/api/request-fields.ts'
import type { MediaFacts } from '../../../src/media/probe.ts'
import { Notices } from '../../../src/notices.ts'
import type { GenerateRequest } from '../../../src/pipeline/fields/request-fields.ts'
import type { RequestFacts } from '../../../src/pipeline/model-facts.ts'
import { resolveRequest } from '../../../src/pipeline/request.ts'
import { scratchFolder } from '../../scratch.ts'
import { collect, openTinyEngine, tinyRequest } from '../engine/tiny-engine.ts'

const facts: RequestFacts = {
  geometry: { spatialStride: 8, temporalStride: 4, patch: [1, 2, 2] },
  defaults: { width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5, negativePrompt: '' },
  textTokens: 512,
  experts: [{}],
  modes: ['text', 'image', 'last-image', 'keyframes', 'video', 'control', 'references'],
  requires: [],
  takes: [],
}

const still = { pictureCount: 1, durationSeconds: undefined, fps: undefined, variable: false }

/** What the files are whose names requests have. */
const files: Readonly<Record<string, MediaFacts>> = {
  'wide.png': { kind: 'picture', width: 1920, height: 1080, ...still },
  'tall.jpg': { kind: 'picture', width: 3024, height: 4032, ...still },
  'clip.mp4': movie(1280, 720, { pictureCount: 50, durationSeconds: 2, fps: 25 }),
  'exact.mp4': movie(832, 480, { pictureCount: 33, durationSeconds: 33 / 16, fps: 16 }),
  'slow.mp4': movie(480, 832, { pictureCount: 7, durationSeconds: 3, fps: 3, variable: true }),
  'short.gif': movie(64, 64, { pictureCount: 3, durationSeconds: 0.1, fps: 30 }),
  'own.mp4': movie(640, 416, { pictureCount: 48, durationSeconds: 2, fps: 24 }),
  'hour.mp4': movie(832, 480, { pictureCount: 90_000, durationSeconds: 3600, fps: 25 }),
  'day.mp4': movie(832, 480, { pictureCount: 2_160_000, durationSeconds: 86_400, fps: 25 }),
  'folder/': movie(832, 480, { pictureCount: 20, durationSeconds: undefined, fps: undefined }),
}

function movie(width: number, height: number, clip: Partial<MediaFacts>): MediaFacts {
  return { kind: 'video', width, height, ...still, ...clip }
}

function usual(path: string, frames: number, fps: number): string[] {
  const cut = `only its first ${frames} frames at ${fps} fps are used, the model's usual length`
  return [`${path}: ${cut}. Ask for more with frames or seconds.`]
}

async function resolved(fields: Partial<GenerateRequest>, model = facts) {
  const probed: string[] = []
  const notices = new Notices()
  const probe = async (path: string) => {
    probed.push(path)
    return files[path]!
  }
  const context = { fields: requestFields, randomSeed: () => 7n, notify: notices.add }
  const plan = await resolveRequest({ prompt: '', ...fields }, model, probe, context)
  const { width, height, frames, fps, fit } = plan
  const said = notices.take().map(({ message }) => message)
  return { made: `${width}x${height}, ${frames} frames at ${fps}`, fit, probed, said }
}

describe('a request that leaves size and length open', () => {
  test.each<[Partial<GenerateRequest>, string, ...string[]]>([
    [{}, '832x480, 81 frames at 16'],
    // A picture gives the shape, with about the pixels of the model's own size.
    [{ image: 'wide.png' }, '848x480, 81 frames at 16'],
    [{ image: 'tall.jpg' }, '544x720, 81 frames at 16'],
    [{ keyframes: [{ frame: 8, path: 'tall.jpg' }] }, '544x720, 81 frames at 16'],
    // The earliest one, and the first frame before all.
    [
      {
        keyframes: [
          { frame: 8, path: 'wide.png' },
          { frame: 2, path: 'tall.jpg' },
        ],
      },
      '544x720, 81 frames at 16',
    ],
    // Frames counted from the end are the latest.
    [
      {
        keyframes: [
          { frame: -1, path: 'wide.png' },
          { frame: 2, path: 'tall.jpg' },
        ],
      },
      '544x720, 81 frames at 16',
    ],
    [{ image: 'wide.png', lastImage: 'tall.jpg' }, '848x480, 81 frames at 16'],
    [{ lastImage: 'tall.jpg' }, '544x720, 81 frames at 16'],
    [{ references: ['tall.jpg'] }, '832x480, 81 frames at 16'],
    // A clip gives its length, too: its seconds at the model's rate.
    [
      { video: 'clip.mp4', strength: 0.5 },
      '848x480, 29 frames at 16',
      'clip.mp4: only its first 29 frames are used, as many as the video has room for.',
    ],
    [{ video: 'exact.mp4' }, '832x480, 33 frames at 16'],
    [
      { video: 'slow.mp4' },
      '480x832, 45 frames at 16',
      'slow.mp4: only its first 45 frames are used, as many as the video has room for.',
    ],
    [
      { video: 'short.gif' },
      '640x640, 1 frames at 16',
      'short.gif: only its first 1 frames are used, as many as the video has room for.',
    ],
    // One of hours is cut to the usual length, which a length that is asked for is not.
    [{ video: 'hour.mp4' }, '832x480, 81 frames at 16', ...usual('hour.mp4', 81, 16)],
    [{ video: 'day.mp4', fps: 25 }, '832x480, 81 frames at 25', ...usual('day.mp4', 81, 25)],
    [{ video: 'hour.mp4', frames: 161 }, '832x480, 161 frames at 16'],
    [
      { video: 'hour.mp4', seconds: 10 },
      '832x480, 161 frames at 16',
      'seconds: 10 at 16 fps is rounded to 161 frames, 10.063 s.',
    ],
    [
      { video: 'clip.mp4', seconds: 2 },
      '848x480, 29 frames at 16',
      'seconds: 2 at 16 fps is rounded to 29 frames, 1.813 s.',
    ],
    // Pictures without times are frames.
    [
      { video: 'folder/' },
      '832x480, 17 frames at 16',
      'folder/: only its first 17 frames are used, as many as the video has room for.',
    ],
    [
      { video: 'clip.mp4', fps: 25 },
      '848x480, 49 frames at 25',
      'clip.mp4: only its first 49 frames are used, as many as the video has room for.',
    ],
    // A clip to go on from gives its size where the model can make it, and it is about as large as the model's own.
    [{ extend: 'own.mp4' }, '640x416, 76 frames at 16'],
    [{ extend: 'clip.mp4', seconds: 1 }, '848x480, 16 frames at 16'],
    [{ extend: 'own.mp4', fps: 12, frames: 10 }, '640x416, 10 frames at 12'],
  ])('%j is made as %s', async (fields, made, ...said) => {
    expect(await resolved(fields)).toMatchObject({ made, said })
  })
})

test('a clip may be as long as the longest that the model was trained at', async () => {
  const trained = { ...facts, trained: { frames: [33, 121, 81] } }
  expect((await resolved({ video: 'hour.mp4' }, trained)).made).toBe('832x480, 121 frames at 16')
  expect((await resolved({ video: 'exact.mp4' }, trained)).made).toBe('832x480, 33 frames at 16')
})

describe('what a request says itself', () => {
  test.each<[Partial<GenerateRequest>, string]>([
    [{ image: 'wide.png', width: 480, height: 480 }, '480x480, 81 frames at 16'],
    [{ image: 'tall.jpg', width: 480 }, '480x640, 81 frames at 16'],
    [{ image: 'tall.jpg', height: 640 }, '480x640, 81 frames at 16'],
    [{ video: 'clip.mp4', frames: 17 }, '848x480, 17 frames at 16'],
    [{ video: 'clip.mp4', seconds: 1 }, '848x480, 17 frames at 16'],
  ])('wins: %j is made as %s', async (fields, made) => {
    expect((await resolved(fields)).made).toBe(made)
  })

  test('is not cut to: pictures of another shape than a size that is asked for are stretched', async () => {
    expect((await resolved({ image: 'tall.jpg' })).fit).toBe('crop')
    expect((await resolved({ image: 'tall.jpg', width: 480 })).fit).toBe('crop')
    expect((await resolved({ image: 'tall.jpg', width: 480, height: 480 })).fit).toBe('stretch')
    expect((await resolved({ image: 'tall.jpg', fit: 'stretch' })).fit).toBe('stretch')
  })

  test('is rounded down to what a clip has: two seconds of one of 2 s are 32 frames, not 33', async () => {
    expect((await resolved({ video: 'clip.mp4', seconds: 2 })).made).toBe('848x480, 29 frames at 16')
  })

  test.each([
    [{ steps: 0 }, 'steps: expected 1 to 1000, got 0.'],
    [{ width: 60 }, 'width: expected a multiple of 16 for this model, got 60. Use 48 or 64.'],
    [{ frames: 80 }, 'frames: expected 4k + 1 for this model, got 80. Use 77 or 81.'],
    [{ decodeTimestep: 0.5 }, 'decodeTimestep: expected a checkpoint that takes it'],
  ])('is checked before a file is: %j', async (fields, message) => {
    const probe = () => Promise.reject(new Error('a file was looked at'))
    const request = { prompt: '', image: 'wide.png', ...fields }
    await expect(
      resolveRequest(request, facts, probe, { fields: requestFields, randomSeed: () => 1n }),
    ).rejects.toThrow(message)
  })
})

describe('a video that a model has no use for as it is given', () => {
  const doodle: RequestFacts = { ...facts, modes: ['text', 'image', 'last-image', 'keyframes', 'video'] }

  test('is asked for its strength where the model can start from it', async () => {
    await expect(resolved({ video: 'clip.mp4' }, doodle)).rejects.toThrow(
      'video: expected a strength beside it: to this checkpoint a video is what to start from, got none. Add a strength, ',
    )
  })

  test('and is a picture is called one, with what the model can make of it', async () => {
    await expect(resolved({ video: 'wide.png' }, doodle)).rejects.toThrow(
      'video wide.png: expected a video, or a folder of pictures, got a picture. Of a picture this checkpoint ' +
        'can make a first frame (image), a last frame (lastImage), keyframes (keyframes).',
    )
    await expect(
      resolved({ video: 'wide.png', strength: 0.5 }, { ...facts, modes: ['text', 'image'] }),
    ).rejects.toThrow('got a picture. Of a picture this checkpoint can make a first frame (image).')
  })

  test('stays one for a model that takes controls', async () => {
    expect((await resolved({ video: 'clip.mp4' })).made).toBe('848x480, 29 frames at 16')
  })
})

test('a clip of any length is worked from by an engine, in its own time and shape', async () => {
  // 12 pictures of 50 ms: 0.6 s, which are 10 frames at 16 fps, of which the model can make 9.
  const clip = join(scratchFolder(), 'clip.gif')
  const pictures = Array.from({ length: 12 }, (_, index) => Buffer.alloc(64 * 32 * 3, 20 * index))
  await sharp(Buffer.concat(pictures), { raw: { width: 64, height: 32 * 12, channels: 3, pageHeight: 32 } })
    .gif({ delay: pictures.map(() => 50), loop: 0 })
    .toFile(clip)
  await using tiny = await openTinyEngine()
  const { width: _, height: __, frames: ___, ...open } = tinyRequest
  const events = await collect(
    tiny.engine.generate({ ...open, width: 32, video: clip, strength: 0.5, steps: 2 }),
  )
  const start = events.find(event => event.type === 'start')!
  const { width, height, frames, fps } = start.plan
  expect({ width, height, frames, fps }).toEqual({ width: 32, height: 16, frames: 9, fps: 16 })
  expect(events.flatMap(event => (event.type === 'notice' ? event.message : []))).toEqual([
    `${clip}: only its first 9 frames are used, as many as the video has room for.`,
    `${clip}: frames of 20 fps are resampled by their times to 16 fps.`,
  ])
})

test('a request that no file answers is planned once', async () => {
  let plans = 0
  const randomSeed = () => BigInt(++plans)
  const { seed } = await resolveRequest({ prompt: '' }, facts, async () => files['wide.png']!, {
    fields: requestFields,
    randomSeed,
  })
  expect([seed, plans]).toEqual([1n, 1])
})
