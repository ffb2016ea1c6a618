/** What clients get wrong, or write in another way, through their own SDKs. No task is started. */
import { readdir } from 'node:fs/promises'
import RunwayML, { BadRequestError as RunwayBadRequestError } from '@runwayml/sdk'
import { experimental_generateVideo as generateVideo } from 'ai'
import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import RunwayML3 from 'runwayml-sdk-3'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFramewright } from '../../../src/ai-sdk/index.ts'
import { scratchFolder } from '../../scratch.ts'
import { type KeyedServer, startKeyedServer } from './keyed-server.ts'

let server: KeyedServer
let openai: OpenAI
let runway: RunwayML
let png: Buffer
beforeAll(async () => {
  server = await startKeyedServer(scratchFolder())
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'alice', maxRetries: 0 })
  runway = new RunwayML({ baseURL: server.url, apiKey: 'alice', maxRetries: 0 })
  png = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#d02020' } })
    .png()
    .toBuffer()
})
afterAll(() => server[Symbol.asyncDispose]())

const make = (fields: object) => openai.videos.create({ prompt: 'a ball', ...fields } as never)
const dataUri = () => `data:image/png;base64,${png.toString('base64')}`

async function refusal(fields: object): Promise<{ param: unknown; message: string }> {
  const error = await make(fields).catch((each: unknown) => each)
  if (!(error instanceof BadRequestError)) throw error
  return { param: error.param, message: error.message }
}

describe("a refusal names the field of OpenAI's client", () => {
  test.each([
    [{ input_reference: { file_id: 'file_1' } }, 'input_reference.file_id', /No files are kept/],
    [
      { input_reference: { image_url: { url: 'x' } } },
      'input_reference.image_url',
      /as text, got a value of type object/,
    ],
    [
      { input_reference: { image_url: 'ftp://a.example/a.png' } },
      'input_reference.image_url',
      /Only HTTPS URLs/,
    ],
    [{ input_reference: ['x'] }, 'input_reference', /./],
    [{ image_reference: { file_id: 'file_1' } }, 'image_reference.file_id', /No files are kept/],
    [{ image_reference: { image_url: 'http://a.example' } }, 'image_reference.image_url', /Only HTTPS URLs/],
    [{ reference_url: 'https://10.0.0.1/' }, 'reference_url', /hosted on a domain/],
    [{ image_url: 'https://10.0.0.1/' }, 'image_url', /hosted on a domain/],
    [{ last_image_reference: { image_url: 'x' } }, 'last_image_reference.image_url', /URLs must be valid/],
    [{ seconds: '4s' }, 'seconds', /Expected a number, got "4s"\.$/],
    [{ seconds: ['4'] }, 'seconds', /./],
    [{ seed: '12x' }, 'seed', /Expected a number, got "12x"/],
    [{ prompt: ['a', 'ball'] }, 'prompt', /expected string, received array/],
    [{ prompt: undefined }, 'prompt', /neither a picture nor a video/],
    [{ webhook_url: 'https://10.0.0.1/hook' }, 'webhook_url', /hosted on a domain/],
    [{ num_frames: 10 }, 'num_frames', /got 10\. Use 9 or 13/],
    [{ loras: [{ name: 'x' }] }, 'loras[0].name', /no adapters here, got "x"/],
    [{ loras: [{ name: 'x', scale: 0.5 }, { name: 'y' }] }, 'loras[0].name', /no adapters here, got "x"/],
    [{ guidance_interval: ['x', 1] }, 'guidance_interval[0]', /number/],
    [{ lora: { name: 'x', scale: 0.5 } }, 'lora.name', /no adapters here, got "x"/],
    [{ lora: JSON.stringify({ lora_name: 'x' }) }, 'lora.name', /no adapters here, got "x"/],
    [{ lora: { name: 'x', local_path: '/a' } }, 'lora.local_path', /cannot bring files/],
    [{ lora: { name: 'x', lora_scale: 'much' } }, 'lora.lora_scale', /Expected a number, got "much"/],
    [{ lora: { scale: 1 } }, 'lora.name', /expected string/],
  ])('%j', async (fields, param, message) => {
    const found = await refusal(fields)
    expect(found.param).toBe(param)
    expect(found.message).toMatch(message)
  })

  test('and lists are taken as the client sends them in a form', async () => {
    expect(await make({ guidance_interval: [0, 0.5] })).toMatchObject({
      status: 'queued',
    })
  })

  test('a video to edit that there is not', async () => {
    const error = await openai.videos
      .edit({ prompt: 'x', video: { id: 'video_00000000-0000-4000-8000-000000000000' } })
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(NotFoundError)
    expect((error as NotFoundError).param).toBe('video.id')
  })
})

describe('of several pictures or videos to start from', () => {
  const data = { image_url: 'data:image/png;base64,AAAA' }
  test.each([
    [
      { input_reference: data, video_url: 'https://a.example/a.mp4' },
      'video_url',
      'input_reference.image_url',
    ],
    [
      { image_reference: data, image_url: 'https://a.example/a.png' },
      'image_url',
      'image_reference.image_url',
    ],
    [
      { reference_url: 'https://a.example/a.png', video_reference: { video_url: 'x' } },
      'video_reference.video_url',
      'reference_url',
    ],
  ])('%j is refused', async (fields, param, other) => {
    expect(await refusal(fields)).toEqual({
      param,
      message: `400 ${param}: Expected one picture or video, got ${other} too.`,
    })
  })

  test('a file beside an address is refused', async () => {
    const file = new File([new Uint8Array(png)], 'a.png')
    const fields = { input_reference: file, image_url: dataUri() }
    expect((await refusal(fields)).message).toBe(
      '400 image_url: Expected one picture or video, got input_reference too.',
    )
  })

  test('a file beside the video to edit is refused', async () => {
    const form = new FormData()
    form.append('prompt', 'x')
    form.append('video[id]', 'video_00000000-0000-4000-8000-000000000000')
    form.append('input_reference', new File([new Uint8Array(png)], 'a.png'))
    const { status, body } = await server.call('/v1/videos/edits', { method: 'POST', body: form })
    expect([status, body.error]).toMatchObject([400, { param: 'input_reference' }])
  })
})

describe('a field that an endpoint does not have is noticed', () => {
  const unknown = (message: string) => ({ code: 'request/unused', message })
  const told = (task: unknown) =>
    (task as { notices?: { code: string }[] }).notices?.filter(({ code }) => code === 'request/unused') ?? []
  const runwayTask = async (fields: object) => {
    const body = { model: 'gen4.5', promptText: 'a ball', ratio: '1280:720', duration: 2, ...fields }
    const { id } = await runway.textToVideo.create(body as never)
    return await runway.tasks.retrieve(id)
  }

  test("of Runway's client, with the name that was meant", async () => {
    const task = await runwayTask({ guidance_scale: 3, outputFormat: 'prores', steps: 9 })
    expect(told(task)).toEqual([
      unknown('"guidance_scale": no field of this endpoint; it has no effect. Did you mean guidanceScale?'),
      unknown('"outputFormat": no field of this endpoint; it has no effect.'),
      unknown('"steps": no field of this endpoint; it has no effect. Did you mean numInferenceSteps?'),
    ])
  })

  test("of OpenAI's client, inside of others and in JSON too", async () => {
    const extra_body = JSON.stringify({ numFrames: 9, guidance_scale: 2 })
    const lora = '[]'
    expect(told(await make({ extra_body, seconds: '2', user: 'me', lora, seed: 1 }))).toEqual([
      unknown('"numFrames": no field of this endpoint; it has no effect. Did you mean num_frames?'),
    ])
    const input_reference = { image_url: dataUri(), detail: 'high' }
    expect(told(await make({ input_reference }))).toEqual([
      unknown('"input_reference.detail": no field of this endpoint; it has no effect.'),
    ])
  })

  test('and many of them are counted', async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field_of_nobody_${i}`, i]))
    const notices = told(await runwayTask(many))
    expect(notices).toHaveLength(9)
    expect(notices.at(-1)).toEqual(
      unknown('request: 12 more fields are none of this endpoint and have no effect.'),
    )
  })
})

describe("a refusal names the field of Runway's client", () => {
  const body = { model: 'gen4_turbo', ratio: '1280:720', duration: 5, promptText: 'a ball' } as const
  test.each([
    [{ promptImage: [{ uri: 5, position: 'first' }] }, ['promptImage', 0, 'uri']],
    [{ promptImage: [{ uri: 'https://10.0.0.1/', position: 'first' }] }, ['promptImage', 0, 'uri']],
    [{ promptImage: ['x'] }, ['promptImage', 0]],
    [{ promptImage: { uri: 'x' } }, ['promptImage']],
    [{ promptImage: 'x', duration: '5s' }, ['duration']],
    [{ promptImage: 'x', webhookUrl: 'https://10.0.0.1/' }, ['webhookUrl']],
    [{ promptImage: 'data:image/png;base64,AAAA', numFrames: 10 }, ['promptImage']],
  ])('%j', async (fields, path) => {
    for (const client of [runway, new RunwayML3({ baseURL: server.url, apiKey: 'alice', maxRetries: 0 })]) {
      const error = await client.imageToVideo
        .create({ ...body, ...fields } as never)
        .catch((each: unknown) => each)
      const { status, error: answer } = error as { status: number; error: { issues: { path: unknown }[] } }
      expect([status, answer.issues[0]?.path]).toEqual([400, path])
    }
  })

  test('of a length that the model has not', async () => {
    const fields = { model: 'doodle', promptText: 'a ball', ratio: '64:64', numFrames: 10 }
    const error = await runway.textToVideo.create(fields as never).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(RunwayBadRequestError)
    expect(error).toMatchObject({ error: { issues: [{ path: ['numFrames'] }] } })
  })
})

describe('a picture is taken', () => {
  test('as a data URI in any writing, without a text', async () => {
    const lines = png.toString('base64').replace(/.{60}/g, '$&\r\n')
    for (const uri of [
      `DATA:image/png;base64,${lines}`,
      `data:image/png;base64,${encodeURIComponent(lines)}`,
    ]) {
      for (const fields of [{ input_reference: { image_url: uri } }, { image_url: uri }]) {
        const video = await make({ prompt: undefined, ...fields })
        expect(video).toMatchObject({ status: 'queued', prompt: null })
        await openai.videos.delete(video.id)
      }
    }
  })

  test('and removed with its video, but not the one of another', async () => {
    const inputs = async () => (await readdir(server.storage.pathOf('inputs')).catch(() => [])).length
    const before = await inputs()
    const one = await make({ input_reference: { image_url: dataUri() } })
    const { id } = await runway.imageToVideo.create({
      model: 'gen4_turbo',
      ratio: '1280:720',
      promptImage: dataUri(),
    })
    expect(await inputs()).toBe(before + 2)
    await openai.videos.delete(one.id)
    expect(await inputs()).toBe(before + 1)
    await runway.tasks.delete(id)
    await runway.tasks.delete(id)
    expect(await inputs()).toBe(before)
  })
})

describe('a list of videos', () => {
  test('is gone through to its end while each is deleted', async () => {
    for await (const { id } of openai.videos.list()) await openai.videos.delete(id)
    for (let i = 0; i < 7; i++) await make({})
    let deleted = 0
    for await (const { id } of openai.videos.list({ limit: 3 })) {
      await openai.videos.delete(id)
      deleted++
    }
    expect(deleted).toBe(7)
    expect((await openai.videos.list()).data).toEqual([])
  })

  test('does not begin again after what never was in it', async () => {
    const strangers = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'bob' })
    const { id } = await strangers.videos.create({ prompt: 'a ball' })
    const unknown = 'video_00000000-0000-4000-8000-000000000000'
    for (const after of ['nonsense', 'video_', '', unknown, id]) {
      const error = await openai.videos.list({ after }).then(
        () => undefined,
        (each: unknown) => each,
      )
      expect(error, after).toBeInstanceOf(BadRequestError)
      expect((error as BadRequestError).param).toBe('after')
    }
  })
})

describe('an address with a /v1 too few or too many is told to', () => {
  test("OpenAI's client", async () => {
    const client = new OpenAI({ baseURL: server.url, apiKey: 'alice', maxRetries: 0 })
    await expect(client.videos.create({ prompt: 'a ball' })).rejects.toThrow(
      '404 No such endpoint on this server, or no such id: POST /videos. Did you mean /v1/videos?',
    )
  })

  test("Runway's client", async () => {
    const client = new RunwayML({ baseURL: `${server.url}/v1`, apiKey: 'alice', maxRetries: 0 })
    const asked = client.textToVideo.create({
      model: 'gen4.5',
      promptText: 'a ball',
      ratio: '1280:720',
      duration: 2,
    })
    await expect(asked).rejects.toThrow('POST /v1/v1/text_to_video. Did you mean /v1/text_to_video?')
  })

  test('the AI SDK', async () => {
    const provider = createFramewright({ baseURL: server.url, apiKey: 'alice' })
    const asked = generateVideo({ model: provider('doodle'), prompt: 'a ball', maxRetries: 0 })
    await expect(asked).rejects.toThrow('POST /videos. Did you mean /v1/videos?')
  })

  test('but an answer of another server is told as it is', async () => {
    const answer = (body: string) => async () => new Response(body, { status: 404 })
    const failure = (body: string) => {
      const provider = createFramewright({ fetch: answer(body) as never })
      return generateVideo({ model: provider('doodle'), prompt: 'a ball', maxRetries: 0 })
    }
    await expect(failure('{"error":"no such route"}')).rejects.toThrow('no such route')
    await expect(failure('<html>')).rejects.toThrow('The server answered 404.')
  })
})

describe('a body of another type is refused with those that are taken', () => {
  const body = 'prompt=a+ball'
  test.each([
    ['/v1/videos', {}, 'application/json or multipart/form-data, got text/plain'],
    [
      '/v1/videos',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'application/json or multipart/form-data, got application/x-www-form-urlencoded',
    ],
    [
      '/v1/videos',
      { 'content-type': 'multipart/form-data' },
      'multipart/form-data with a boundary, got multipart/form-data',
    ],
    ['/v1/text_to_video', { 'content-type': 'text/html; charset=utf-8' }, 'application/json, got text/html'],
  ])('%s with %j', async (path, headers, types) => {
    const answer = await server.call(path, {
      method: 'POST',
      body,
      headers: headers as Record<string, string>,
    })
    expect(answer.status).toBe(415)
    const message = `Expected a body of the type ${types}.`
    const error = { message, type: 'invalid_request_error', param: null, code: 'unsupported_type' }
    expect(answer.body).toEqual(
      path === '/v1/videos' ? { error } : { error: message, code: 'unsupported_type' },
    )
  })
})

test.each([
  ['/v1/videos/', '/v1/videos'],
  ['//v1//videos', '/v1/videos'],
  ['/v1/v1/text_to_video/', '/v1/text_to_video'],
  ['/tasks/00000000-0000-4000-8000-000000000000', '/v1/tasks/00000000-0000-4000-8000-000000000000'],
])('%s is told to mean %s', async (path, meant) => {
  const { status, body } = await server.call(path)
  expect(status).toBe(404)
  expect(JSON.stringify(body)).toContain(`GET ${path}. Did you mean ${meant}?`)
})

describe('an unknown path', () => {
  const id = 'video_00000000-0000-4000-8000-000000000000'
  test.each([
    ['POST', '/v1/videos/characters', 404],
    ['GET', '/v1/videos/characters', 404],
    ['GET', `/v1/videos/${id}/frames`, 404],
    ['POST', `/v1/videos/${id}/upscale`, 404],
    ['GET', `/v1/videos/${id}/content/extra`, 404],
    ['POST', '/v1/chat/completions', 404],
    ['GET', '/v1/files/file_1/content', 404],
    ['GET', '/v1/videos/sync', 405],
    ['GET', '/v1/videos/edits', 405],
    ['DELETE', '/v1/models', 405],
  ])("%s %s is refused as OpenAI's server does it", async (method, path, status) => {
    const response = await fetch(server.url + path, { method, headers: { authorization: 'Bearer alice' } })
    expect(response.status).toBe(status)
    const { error } = (await response.json()) as { error: { message: string; type: string; code: string } }
    expect(error).toMatchObject({ message: expect.any(String), type: expect.any(String) })
    expect(error.code).toBe(status === 404 ? 'not_found' : 'method')
    if (status === 405) expect(response.headers.get('allow')).toBeTruthy()
  })

  test.each([
    ['POST', '/v1/character_performance', 404],
    ['POST', '/v1/tasks/00000000-0000-4000-8000-000000000000/cancel', 404],
    ['GET', '/v1/text_to_video', 405],
  ])("%s %s is refused as Runway's server does it", async (method, path, status) => {
    const response = await fetch(server.url + path, { method, headers: { authorization: 'Bearer alice' } })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: expect.any(String) })
  })

  test('that the Runway client asks for is answered in its form, whatever its name', async () => {
    const headers = { authorization: 'Bearer alice', 'x-runway-version': '2024-11-06' }
    const response = await fetch(`${server.url}/v1/images/x`, { headers })
    expect(await response.json()).toMatchObject({ error: expect.any(String) })
  })
})
