/** The official client of Runway's API, as it is published, against a server with the built-in model. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { deflateSync } from 'node:zlib'
import RunwayML, { BadRequestError, NotFoundError, TaskFailedError } from '@runwayml/sdk'
import RunwayML3 from 'runwayml-sdk-3'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readVideo } from '../../../src/media/read-video.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const folder = scratchFolder()
let server: TestServer
let client: RunwayML
beforeAll(async () => {
  server = await startTestServer(folder)
  client = new RunwayML({ baseURL: server.url, apiKey: 'any' })
})
afterAll(() => server[Symbol.asyncDispose]())

/** Quick to make: extensions go through the client as they are. */
const quick = { numInferenceSteps: 2, numFrames: 9, seed: 5 }

async function ended(id: string): Promise<RunwayML.TaskRetrieveResponse> {
  for (let tries = 0; tries < 600; tries++) {
    const task = await client.tasks.retrieve(id)
    if (task.status !== 'PENDING' && task.status !== 'RUNNING' && task.status !== 'THROTTLED') return task
    await wait(50)
  }
  throw new Error('the task did not end')
}

interface Clip {
  readonly width: number
  readonly height: number
  readonly fps: number | undefined
  readonly frames: readonly Uint8Array[]
}

/** What a task made, downloaded without a key. */
async function download(task: RunwayML.TaskRetrieveResponse): Promise<Clip> {
  if (task.status !== 'SUCCEEDED') throw new Error(JSON.stringify(task))
  const response = await fetch(task.output[0]!)
  expect(response.headers.get('content-type')).toBe('video/mp4')
  const path = join(folder, `${task.id}.mp4`)
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(response.headers.get('content-length')).toBe(String(bytes.length))
  await writeFile(path, bytes)
  const { width, height, fps, frames } = await readVideo(path)
  const all: Uint8Array[] = []
  for await (const frame of frames) all.push(frame)
  return { width, height, fps, frames: all }
}

async function picture(background: string): Promise<Buffer> {
  return await sharp({ create: { width: 96, height: 96, channels: 3, background } })
    .png()
    .toBuffer()
}

/** Of a PNG's chunk (ISO 3309); Node 20.9 has none. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

const dataUri = (bytes: Buffer) => `data:image/png;base64,${bytes.toString('base64')}`

/** Mean red, green and blue. */
function meanOf(frame: Uint8Array): number[] {
  const sums = [0, 0, 0]
  frame.forEach((value, i) => {
    sums[i % 3]! += value
  })
  return sums.map(sum => sum / (frame.length / 3))
}

describe('text to video', () => {
  // The clients wait for seconds before they ask: both at once.
  test.concurrent('version 4 of the client makes a video and waits for it', async () => {
    const task = await client.textToVideo
      .create({
        model: 'gen4.5',
        promptText: 'a red ball bounces on a blue floor',
        ratio: '1280:720',
        duration: 2,
        // @ts-expect-error an extension of ours
        numInferenceSteps: 2,
      })
      .waitForTaskOutput()
    const clip = await download(task)
    // 16:9 in about the pixels of the checkpoint, and 2 s at its 8 frames a second.
    expect([clip.width, clip.height, clip.frames.length, clip.fps]).toEqual([80, 48, 17, 8])
  })

  test.concurrent('version 3 of the client does so, too', async () => {
    const old = new RunwayML3({ baseURL: server.url, apiKey: 'any' })
    const image = dataUri(await picture('#c81414'))
    const task = await old.imageToVideo
      .create({ model: 'gen4_turbo', promptImage: image, ratio: '960:960', ...quick })
      .waitForTaskOutput()
    expect(task.output?.[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/outputs\//)
  })

  test('the same seed gives the same file, another one another', async () => {
    const make = async (seed: number) => {
      const body = { model: 'gen4.5', promptText: 'a star', ratio: '720:1280', duration: 2, ...quick, seed }
      const { id } = await client.textToVideo.create(body as RunwayML.TextToVideoCreateParams)
      const task = await ended(id)
      if (task.status !== 'SUCCEEDED') throw new Error(JSON.stringify(task))
      return Buffer.from(await (await fetch(task.output[0]!)).arrayBuffer())
    }
    const [first, again, other] = [await make(1), await make(1), await make(2)]
    expect(again.equals(first)).toBe(true)
    expect(other.equals(first)).toBe(false)
  })
})

describe('image to video', () => {
  test('a first and a last frame are the first and the last frame of the video', async () => {
    const [red, blue] = [await picture('#c82020'), await picture('#2020c8')]
    const { id } = await client.imageToVideo.create({
      model: 'veo3.1',
      promptText: 'red turns blue',
      promptImage: [
        { uri: dataUri(red), position: 'first' },
        { uri: dataUri(blue), position: 'last' },
      ],
      ratio: '1280:720',
      duration: 4,
      ...quick,
    })
    const { frames } = await download(await ended(id))
    expect(frames).toHaveLength(9)
    const [first, last] = [meanOf(frames[0]!), meanOf(frames.at(-1)!)]
    expect(first[0]! - first[2]!).toBeGreaterThan(60)
    expect(last[2]! - last[0]!).toBeGreaterThan(60)
  })

  test('an uploaded picture can be referred to, by its owner', async () => {
    // Noise: a picture of one colour is smaller than the least that can be uploaded.
    const noise = await sharp(
      Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251)),
      {
        raw: { width: 64, height: 64, channels: 3 },
      },
    )
      .png()
      .toBuffer()
    const { uri } = await client.uploads.createEphemeral({ file: new File([new Uint8Array(noise)], 'a.png') })
    expect(uri).toMatch(/^runway:\/\//)
    const { id } = await client.imageToVideo.create({
      model: 'gen4.5',
      promptText: 'a picture',
      promptImage: uri,
      ratio: '960:960',
      duration: 2,
      ...quick,
    })
    expect((await ended(id)).status).toBe('SUCCEEDED')
  })
})

test('video to video: the result has the length of the video', async () => {
  const first = await client.textToVideo.create({
    model: 'gen4.5',
    promptText: 'a green square',
    ratio: '1280:720',
    duration: 2,
    ...quick,
  })
  const source = await ended(first.id)
  if (source.status !== 'SUCCEEDED') throw new Error(JSON.stringify(source))
  const bytes = Buffer.from(await (await fetch(source.output[0]!)).arrayBuffer())
  const { uri } = await client.uploads.createEphemeral({ file: new File([new Uint8Array(bytes)], 'a.mp4') })
  const old = new RunwayML3({ baseURL: server.url, apiKey: 'any' })
  const { id } = await old.videoToVideo.create({
    model: 'gen4_aleph',
    promptText: 'a yellow square',
    videoUri: uri,
    // @ts-expect-error an extension of ours
    numInferenceSteps: 2,
  })
  expect((await download(await ended(id))).frames).toHaveLength(9)
})

describe('a task', () => {
  const long = { model: 'gen4.5', ratio: '1280:720', duration: 2, promptText: 'a ball' } as const

  test('says how far it is, waits as THROTTLED behind another, and is cancelled by DELETE', async () => {
    // @ts-expect-error an extension of ours
    const first = await client.textToVideo.create({ ...long, numInferenceSteps: 500 })
    const second = await client.textToVideo.create(long)
    let seen = 0
    for (let tries = 0; seen < 3 && tries < 600; tries++) {
      const task = await client.tasks.retrieve(first.id)
      if (task.status === 'RUNNING' && task.progress > 0) seen++
      await wait(20)
    }
    expect(seen).toBe(3)
    expect((await client.tasks.retrieve(second.id)).status).toBe('THROTTLED')
    const waiting = client.tasks.retrieve(first.id).waitForTaskOutput()
    await client.tasks.delete(second.id)
    await client.tasks.delete(first.id)
    expect((await ended(first.id)).status).toBe('CANCELLED')
    expect((await ended(second.id)).status).toBe('CANCELLED')
    await expect(waiting).rejects.toThrow(TaskFailedError)
    // The device is free again.
    const next = await client.textToVideo.create({ ...long, ...quick })
    expect((await ended(next.id)).status).toBe('SUCCEEDED')
  })

  test('that has ended is deleted with its files', async () => {
    const { id } = await client.textToVideo.create({ ...long, ...quick })
    const task = await ended(id)
    if (task.status !== 'SUCCEEDED') throw new Error(JSON.stringify(task))
    await client.tasks.delete(id)
    await expect(client.tasks.retrieve(id)).rejects.toThrow(NotFoundError)
    expect((await fetch(task.output[0]!)).status).toBe(404)
    await expect(client.tasks.delete(id)).rejects.toThrow(NotFoundError)
  })

  test('fails with a code when its picture turns out to be broken', async () => {
    const whole = await picture('#00ff00')
    const broken = Buffer.concat([whole.subarray(0, 60), Buffer.alloc(600)])
    const { id } = await client.imageToVideo.create({
      model: 'gen4_turbo',
      promptImage: dataUri(broken),
      ratio: '960:960',
      ...quick,
    })
    const task = await ended(id)
    expect(task).toMatchObject({ status: 'FAILED', failureCode: 'ASSET.INVALID' })
  })
})

test('a picture that would unpack to gigabytes fails its task, and the next one is made', async () => {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(100_000, 0)
  head.writeUInt32BE(100_000, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const bomb = Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.alloc(1e6))),
    chunk('IEND', Buffer.alloc(0)),
  ])
  const create = async (image: Buffer) =>
    await client.imageToVideo.create({
      model: 'gen4_turbo',
      promptImage: dataUri(image),
      ratio: '960:960',
      ...quick,
    })
  const task = await ended((await create(bomb)).id)
  expect(task).toMatchObject({ status: 'FAILED', failureCode: 'ASSET.INVALID' })
  expect((await ended((await create(await picture('#808080'))).id)).status).toBe('SUCCEEDED')
})

describe('a wrong request is refused', () => {
  test('with the issues that Runway lists', async () => {
    const body = { model: 'gen4.5', promptText: 'x'.repeat(1001), ratio: '16:9', duration: 11 }
    const error = await client.textToVideo
      .create(body as unknown as RunwayML.TextToVideoCreateParams)
      .catch((each: unknown) => each)
    if (!(error instanceof BadRequestError)) throw error
    const { error: message, issues } = error.error as { error: string; issues: { path: string[] }[] }
    expect(message).toBe('Validation of body failed')
    expect(issues.map(({ path }) => path[0]).sort()).toEqual(['duration', 'promptText', 'ratio'])
    expect(issues.find(({ path }) => path[0] === 'ratio')).toMatchObject({
      code: 'invalid_value',
      values: ['1280:720', '720:1280'],
    })
  })

  test('for a model that is not there, with those that are', async () => {
    const body = { model: 'gen9', promptText: 'x', ratio: '1280:720', duration: 2 }
    const error = await client.textToVideo
      .create(body as unknown as RunwayML.TextToVideoCreateParams)
      .catch((each: unknown) => each)
    const { issues } = (error as BadRequestError).error as { issues: { values: string[] }[] }
    expect(issues[0]!.values).toContain('gen4.5')
    expect(issues[0]!.values).toContain('doodle')
  })
})

test('the organization has no limits that it could run into', async () => {
  const { tier } = await client.organization.retrieve()
  expect(tier.models['gen4.5']).toEqual({ maxConcurrentGenerations: 1, maxDailyGenerations: null })
  expect(await client.organization.retrieveUsage()).toEqual({ results: [], models: [] })
})

test('an output can be read in parts, as players do', async () => {
  const { id } = await client.textToVideo.create({
    model: 'gen4.5',
    promptText: 'parts',
    ratio: '1280:720',
    duration: 2,
    ...quick,
  })
  const task = await ended(id)
  if (task.status !== 'SUCCEEDED') throw new Error(JSON.stringify(task))
  const get = (range: string, method = 'GET') => fetch(task.output[0]!, { method, headers: { range } })
  const whole = Buffer.from(await (await fetch(task.output[0]!)).arrayBuffer())
  const part = await get('bytes=10-19')
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${whole.length}`])
  expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(10, 20))).toBe(true)
  const tail = await get('bytes=-5')
  expect(Buffer.from(await tail.arrayBuffer()).equals(whole.subarray(-5))).toBe(true)
  expect((await get(`bytes=${whole.length}-`)).status).toBe(416)
  expect((await get('bytes=0-', 'HEAD')).headers.get('content-length')).toBe(String(whole.length))
  const file = server.jobs.tasks.get(id)?.result?.outputs[0]?.key ?? ''
  expect((await readFile(server.storage.pathOf(file))).equals(whole)).toBe(true)
})
