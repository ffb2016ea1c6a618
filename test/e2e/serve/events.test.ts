/** What the server tells by itself: events, webhooks, metrics, its own description. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import OpenAI from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readRecord } from '../../../src/index.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from './test-server.ts'

interface Delivery {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const deliveries: Delivery[] = []
const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  deliveries.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
  response.end()
  receiver.emit('delivery')
})

let server: TestServer
let receiverUrl: string
beforeAll(async () => {
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  receiverUrl = `http://${host}/hook`
  server = await startTestServer(scratchFolder(), { addresses: { allowedHosts: [host] } })
})
afterAll(async () => {
  receiver.close()
  await server[Symbol.asyncDispose]()
})

async function create(fields: object): Promise<string> {
  const body = {
    model: 'gen4.5',
    promptText: 'a ball',
    ratio: '1280:720',
    duration: 2,
    numFrames: 9,
    ...fields,
  }
  const response = await fetch(`${server.url}/v1/text_to_video`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
  return ((await response.json()) as { id: string }).id
}

interface ServerEvent {
  readonly name: string
  readonly data: Record<string, unknown>
}

async function* eventsOf(id: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await fetch(`${server.url}/v1/tasks/${id}/events`, signal ? { signal } : {})
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const parts = text.split('\n\n')
    text = parts.pop()!
    for (const part of parts) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? []
      if (name) yield { name, data: JSON.parse(data!) }
    }
  }
}

describe('events of a task', () => {
  test('tell every step with what is left, show previews, and end with the task', async () => {
    const id = await create({ numInferenceSteps: 30 })
    const events: ServerEvent[] = []
    for await (const event of eventsOf(id)) events.push(event)
    const progress = events.filter(({ name }) => name === 'progress').map(({ data }) => data)
    const steps = progress.map(({ step }) => Number(step))
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(new Set(steps).size).toBeGreaterThan(10)
    const between = progress.find(({ step }) => Number(step) > 5 && Number(step) < 30)!
    expect(between).toMatchObject({ stage: 'denoising', of: 30 })
    expect(Number(between.secondsLeft)).toBeGreaterThan(0)
    const preview = events.find(({ name }) => name === 'preview')!.data
    expect(Buffer.from(String(preview.jpeg), 'base64').subarray(0, 3)).toEqual(
      Buffer.from([0xff, 0xd8, 0xff]),
    )
    const fetched = await fetch(String(preview.url))
    expect([fetched.status, fetched.headers.get('content-type')]).toEqual([200, 'image/jpeg'])
    expect(events.at(-1)).toMatchObject({ name: 'end', data: { id, status: 'SUCCEEDED' } })
    expect(events.filter(({ name }) => name === 'end')).toHaveLength(1)
  })

  test('come to an end at once for a task that has ended, and go on when a reader leaves', async () => {
    const id = await create({ numInferenceSteps: 30 })
    const leave = new AbortController()
    const reader = eventsOf(id, leave.signal)
    await reader.next()
    leave.abort()
    const names: string[] = []
    for await (const { name } of eventsOf(id)) names.push(name)
    expect(names.at(-1)).toBe('end')
    const again: string[] = []
    for await (const { name } of eventsOf(id)) again.push(name)
    expect(again.filter(name => name !== 'preview' && name !== 'notice')).toEqual(['end'])
  })

  test('say once what is not made as it was asked for, by the names of the request, and so does the task', async () => {
    const id = await create({ promptText: 'a red ball', numFrames: undefined, numInferenceSteps: 1 })
    const notices = [
      {
        code: 'request/rounded',
        message: 'ratio: 1280x720 is made as 80x48, which the model can make.',
      },
      {
        code: 'request/untrained',
        message:
          'ratio: the model was trained at 64x64; at 80x48 objects may be misshapen, missing or repeated.',
      },
      { code: 'request/rounded', message: 'duration: 2 at 8 fps is rounded to 17 frames, 2.125 s.' },
    ]
    const events: ServerEvent[] = []
    for await (const event of eventsOf(id)) events.push(event)
    expect(events.filter(({ name }) => name === 'notice').map(({ data }) => data)).toEqual(notices)
    expect(events.at(-1)).toMatchObject({ name: 'end', data: { status: 'SUCCEEDED', notices } })
    expect(events.filter(({ name, data }) => name === 'progress' && 'notices' in data)).toEqual([])
    expect(await (await fetch(`${server.url}/v1/tasks/${id}`)).json()).toMatchObject({ notices })
  })

  test("name a picture by its field, and no path of the server's in the video", async () => {
    const image = { create: { width: 64, height: 32, channels: 3 as const, background: '#d02020' } }
    const png = (await sharp(image).png().toBuffer()).toString('base64')
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any' })
    const video = await client.videos.create({
      prompt: 'a red ball',
      size: '64x64',
      seconds: '2',
      num_inference_steps: 1,
      image_reference: { image_url: `data:image/png;base64,${png}` },
    } as object as OpenAI.VideoCreateParams)
    const length = {
      code: 'request/rounded',
      message: 'seconds: 2 at 8 fps is rounded to 17 frames, 2.125 s.',
    }
    expect(video).toMatchObject({ seconds: '2.13', notices: [length] })
    const ended = (await client.videos.retrieve(await pollUntilEnded(client, video.id))) as object
    const stretched = 'image_reference.image_url: 64x32 is stretched to 64x64, which has another shape.'
    expect(ended).toMatchObject({
      status: 'completed',
      seconds: '2.13',
      notices: [length, { code: 'picture/stretched', message: stretched }],
    })
    const content = await client.videos.downloadContent(video.id)
    const path = join(scratchFolder(), 'a.mp4')
    await writeFile(path, Buffer.from(await content.arrayBuffer()))
    expect(await readRecord(path)).toMatchObject({ image: '(upload)', frames: 17 })
  })
})

async function pollUntilEnded(client: OpenAI, id: string): Promise<string> {
  for (;;) {
    const { status } = await client.videos.retrieve(id)
    if (status === 'completed' || status === 'failed') return id
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

describe('a webhook', () => {
  test('announces the end of a task, signed so that the OpenAI client believes it', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any' })
    const delivered = once(receiver, 'delivery')
    const video = await client.videos.create({
      prompt: 'a ball',
      num_inference_steps: 2,
      num_frames: 5,
      webhook_url: receiverUrl,
    } as OpenAI.VideoCreateParams)
    await delivered
    const { headers, body } = deliveries.at(-1)!
    const { secret } = (await (await fetch(`${server.url}/v1/webhook_secret`)).json()) as { secret: string }
    const event: unknown = await client.webhooks.unwrap(body, headers as Record<string, string>, secret)
    expect(event).toMatchObject({ type: 'video.completed', data: { id: video.id } })
    const forged = body.replace('video.completed', 'video.failed')
    await expect(client.webhooks.unwrap(forged, headers as Record<string, string>, secret)).rejects.toThrow()
  })

  test('is refused at once for an address that must not be reached', async () => {
    for (const webhookUrl of [
      'http://127.0.0.1:9/x',
      'https://169.254.169.254/',
      'https://metadata.internal/',
    ]) {
      const response = await fetch(`${server.url}/v1/text_to_video`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'gen4.5',
          promptText: 'x',
          ratio: '1280:720',
          duration: 2,
          webhookUrl,
        }),
        headers: { 'content-type': 'application/json' },
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ issues: [{ path: ['webhookUrl'] }] })
    }
  })
})

describe('the server', () => {
  test('says that it is alive and ready', async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'ok' })
    expect((await fetch(`${server.url}/ready`)).status).toBe(200)
  })

  test('has metrics of the queue, requests, steps and hosts', async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    expect(text).toMatch(/^framewright_queue_depth 0$/m)
    expect(text).toMatch(/^framewright_tasks_created_total\{api="runway"\} [1-9]/m)
    expect(text).toMatch(
      /^framewright_http_request_duration_seconds_count\{route="\/v1\/text_to_video",status="200"\} [1-9]/m,
    )
    expect(text).toMatch(/^framewright_step_duration_seconds_count\{device="cpu"\} [1-9]\d/m)
    expect(text).toMatch(/^framewright_host_resident_bytes\{device="cpu"\} \d+$/m)
    expect(text).toMatch(/^framewright_device_memory_total_bytes\{device="cpu"\} [1-9]\d+$/m)
    expect(text).toMatch(
      /^framewright_cache_requests_total\{cache="model",device="cpu",result="miss"\} [1-9]/m,
    )
    // Ids do not become labels: their number has no end.
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/)
  })

  test('describes itself as OpenAPI, with the bodies that it takes', async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      openapi: string
      paths: Record<string, Record<string, { requestBody?: unknown; operationId: string }>>
    }
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toContain('/v1/tasks/{id}/events')
    const { operationId, requestBody } = document.paths['/v1/image_to_video']!.post!
    expect(operationId).toBe('postV1ImageToVideo')
    expect(JSON.stringify(requestBody)).toContain('promptImage')
    const ids = Object.values(document.paths).flatMap(each => Object.values(each).map(one => one.operationId))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('logs requests by id, and no secrets or prompts', async () => {
    await fetch(`${server.url}/v1/tasks/x?key=sesame`, { headers: { authorization: 'Bearer sesame' } })
    const line = server.logged.find(each => each.includes('/v1/tasks/x'))
    expect(JSON.parse(line!)).toMatchObject({ method: 'GET', path: '/v1/tasks/x', status: 404 })
    for (const secret of ['sesame', 'a ball', 'signature=']) {
      expect(server.logged.filter(each => each.includes(secret))).toEqual([])
    }
  })
})
