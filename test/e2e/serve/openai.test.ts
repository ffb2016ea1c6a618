/** OpenAI's own client, and what self-hosted servers' clients send, against a server with the built-in model. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readVideo } from '../../../src/media/read-video.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const folder = scratchFolder()
let server: TestServer
let client: OpenAI
beforeAll(async () => {
  server = await startTestServer(folder)
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any' })
})
afterAll(() => server[Symbol.asyncDispose]())

/** Quick to make; the client sends extra fields in its forms as they are. */
const quick = { num_inference_steps: 2, num_frames: 9, seed: 5 }

interface Video extends OpenAI.Videos.Video {
  readonly num_frames?: number
  readonly fps?: number
  readonly url?: string
  readonly seed?: string
  readonly stage_durations?: Record<string, number>
}

async function ended(id: string): Promise<Video> {
  for (let tries = 0; tries < 600; tries++) {
    const video: Video = await client.videos.retrieve(id)
    if (video.status === 'completed' || video.status === 'failed') return video
    await wait(50)
  }
  throw new Error('the video did not end')
}

async function make(fields: object): Promise<Video> {
  const { id } = await client.videos.create({ prompt: 'a ball', ...quick, ...fields })
  return await ended(id)
}

async function picture(background: string): Promise<File> {
  const png = await sharp({ create: { width: 64, height: 64, channels: 3, background } })
    .png()
    .toBuffer()
  return new File([new Uint8Array(png)], 'a.png', { type: 'image/png' })
}

async function post(
  path: string,
  body: string | FormData,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${server.url}${path}`, { method: 'POST', body, headers })
}

const postJson = (path: string, body: unknown) =>
  post(path, JSON.stringify(body), { 'content-type': 'application/json' })

describe('a video of the client', () => {
  test('goes from queued to completed, and says what it is', async () => {
    const created: Video = await client.videos.create({
      prompt: 'a red ball',
      model: 'sora-2',
      seconds: '4',
      size: '1280x720',
      ...quick,
    } as OpenAI.VideoCreateParams)
    expect(created).toMatchObject({
      object: 'video',
      status: 'queued',
      model: 'sora-2',
      // As long as it will be: num_frames says more than seconds.
      seconds: '1.13',
      progress: 0,
    })
    const video = await ended(created.id)
    expect(video).toMatchObject({
      id: created.id,
      status: 'completed',
      progress: 100,
      prompt: 'a red ball',
      size: '80x48',
      num_frames: 9,
      fps: 8,
      seconds: '1.13',
      seed: '5',
      error: null,
    })
    expect(video.completed_at).toBeGreaterThanOrEqual(video.created_at)
    expect(video.stage_durations?.denoising).toBeGreaterThan(0)
  })

  test('has a content, a thumbnail and a spritesheet', async () => {
    const { id } = await make({})
    const get = async (variant: 'video' | 'thumbnail' | 'spritesheet') => {
      const response = await client.videos.downloadContent(id, { variant })
      return { type: response.headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()) }
    }
    const video = await get('video')
    expect([video.type, video.bytes.toString('latin1', 4, 8)]).toEqual(['video/mp4', 'ftyp'])
    const thumbnail = await get('thumbnail')
    expect(thumbnail.type).toBe('image/jpeg')
    expect(await sharp(thumbnail.bytes).metadata()).toMatchObject({ format: 'jpeg' })
    expect((await get('spritesheet')).type).toBe('image/png')
  })

  test('starts from a picture that is sent as a file', async () => {
    const video = await make({ input_reference: await picture('#d02020'), size: '64x64' })
    expect(video.status).toBe('completed')
    const sheet = await client.videos.downloadContent(video.id, { variant: 'spritesheet' })
    const first = sharp(Buffer.from(await sheet.arrayBuffer())).extract({
      left: 30,
      top: 30,
      width: 1,
      height: 1,
    })
    const data = await first.raw().toBuffer()
    expect(data[0]! - data[2]!).toBeGreaterThan(60)
  })

  test('says when to ask again while it is not done', async () => {
    const { data, response } = await client.videos
      .create({ prompt: 'slow', num_inference_steps: 300 } as OpenAI.VideoCreateParams)
      .withResponse()
    expect(Number(response.headers.get('openai-poll-after-ms'))).toBeGreaterThanOrEqual(500)
    const error = await client.videos.downloadContent(data.id).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(NotFoundError)
    expect(await client.videos.delete(data.id)).toEqual({
      id: data.id,
      object: 'video.deleted',
      deleted: true,
    })
    await expect(client.videos.retrieve(data.id)).rejects.toThrow(NotFoundError)
  })

  test('is made again with another prompt', async () => {
    const first = await make({})
    const { id } = await client.videos.remix(first.id, { prompt: 'a blue ball' })
    const second = await ended(id)
    expect(second).toMatchObject({
      status: 'completed',
      remixed_from_video_id: first.id,
      prompt: 'a blue ball',
    })
    expect(second.num_frames).toBe(9)
  })

  test('is edited, as a file and by its id', async () => {
    const first = await make({})
    const bytes = await (await client.videos.downloadContent(first.id)).arrayBuffer()
    const file = new File([new Uint8Array(bytes)], 'a.mp4', { type: 'video/mp4' })
    for (const video of [file, { id: first.id }]) {
      const { id, seconds } = await client.videos.edit({
        prompt: 'a star',
        video,
        num_inference_steps: 2,
      } as OpenAI.VideoEditParams)
      expect(seconds).toBe('1.13')
      expect(await ended(id)).toMatchObject({ status: 'completed', num_frames: 9, seconds: '1.13' })
    }
  })
})

test('a video goes on by so many seconds, at its own rate', async () => {
  const first = await make({ size: '1280x720' })
  const { id, seconds } = await client.videos.extend({
    prompt: 'a ball rolls on',
    seconds: '1',
    video: { id: first.id },
    num_inference_steps: 2,
  } as unknown as OpenAI.VideoExtendParams)
  const longer = await ended(id)
  expect(longer).toMatchObject({ status: 'completed', fps: 8, size: '80x48', num_frames: 17 })
  // Of the whole, as OpenAI counts it.
  expect([seconds, longer.seconds]).toEqual(['2.13', '2.13'])
  const bytes = Buffer.from(await (await client.videos.downloadContent(id)).arrayBuffer())
  const path = join(folder, 'longer.mp4')
  await writeFile(path, bytes)
  let frames = 0
  for await (const _ of (await readVideo(path)).frames) frames++
  expect(frames).toBe(9 + 8)
})

test('videos are listed by pages, the newest first', async () => {
  const ids: string[] = []
  for await (const { id } of client.videos.list({ limit: 2 })) ids.push(id)
  const times = await Promise.all(ids.map(async id => (await client.videos.retrieve(id)).created_at))
  expect(ids.length).toBeGreaterThan(4)
  expect(new Set(ids).size).toBe(ids.length)
  expect(times).toEqual([...times].sort((a, b) => b - a))
})

describe('clients of other servers', () => {
  test('get the bytes at once from /v1/videos/sync', async () => {
    const response = await postJson('/v1/videos/sync', { prompt: 'a ball', ...quick })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'video/mp4'])
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1', 4, 8)).toBe('ftyp')
  })

  test('send numbers as text, nested forms and JSON in fields', async () => {
    const form = new FormData()
    const fields = {
      prompt: 'a ball',
      width: '80',
      height: '48',
      num_frames: '5',
      'extra_params[num_inference_steps]': '2',
      extra_body: JSON.stringify({ fps: 12, unknown_field: [1] }),
      guidance_scale: '1.0',
      seed: '',
      user: 'me',
    }
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    const response = await post('/v1/videos', form)
    const { id } = (await response.json()) as { id: string }
    expect(await ended(id)).toMatchObject({ status: 'completed', size: '80x48', num_frames: 5, fps: 12 })
  })

  test('send pictures as data URIs', async () => {
    const bytes = Buffer.from(await (await picture('#20d020')).arrayBuffer()).toString('base64')
    const body = {
      prompt: 'green',
      ...quick,
      image_reference: { image_url: `data:image/png;base64,${bytes}` },
    }
    const { id } = (await (await postJson('/v1/videos', body)).json()) as { id: string }
    expect((await ended(id)).status).toBe('completed')
  })

  test('see the models with their checkpoints', async () => {
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['doodle', 'sora-2', 'sora-2-pro'])
    expect(await client.models.retrieve('sora-2')).toMatchObject({ id: 'sora-2', checkpoint: 'doodle' })
  })
})

describe('a wrong request is refused in the form that the client reads', () => {
  test.each([
    [{ model: 'sora-9' }, 'model', /^400 Expected a model of sora-2, /],
    [{ seconds: 'long' }, 'seconds', /^400 seconds: /],
    [{ n: 3 }, 'n', /^400 n: /],
    [{ width: 50 }, 'width', /^400 width: Expected a multiple of 16 for this model, got 50. Use 48 or 64.$/],
    [{ prompt: '' }, 'prompt', /^400 prompt: /],
  ])('%j', async (fields, param, message) => {
    const error = await make(fields).catch((each: unknown) => each)
    if (!(error instanceof BadRequestError)) throw error
    expect(error.param).toBe(param)
    expect(error.message).toMatch(message)
  })
})

test('a retry that the client sends gets the video of the first try; a request of its own another', async () => {
  const body = { prompt: 'a retried ball', ...quick }
  const send = async (retry: number, headers: Record<string, string> = {}) => {
    const response = await post('/v1/videos', JSON.stringify(body), {
      'content-type': 'application/json',
      'x-stainless-retry-count': String(retry),
      ...headers,
    })
    return ((await response.json()) as { id: string }).id
  }
  const first = await send(0)
  expect(await send(1)).toBe(first)
  expect(await send(2)).toBe(first)
  const second = await send(0)
  expect(second).not.toBe(first)
  const key = { 'idempotency-key': 'mine' }
  const third = await send(0, key)
  expect(await send(0, key)).toBe(third)
  const other = await post('/v1/videos', JSON.stringify({ ...body, prompt: 'other' }), {
    'content-type': 'application/json',
    ...key,
  })
  expect(other.status).toBe(409)
})
