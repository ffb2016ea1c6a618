/** What one client sends, and how it sends it, does nothing to the requests of others. No task is started here. */
import { once } from 'node:events'
import { createServer, request as requestHttp } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from '../../scratch.ts'
import { type KeyedServer, startKeyedServer } from './keyed-server.ts'

/** A host whose pictures come when the test says so. */
const held: (() => void)[] = []
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const pictures = createServer((request, response) => {
  const answer = () => response.writeHead(200, { 'content-type': 'image/png' }).end(png)
  if (request.url?.startsWith('/held')) held.push(answer)
  else answer()
})
let server: KeyedServer
let picturesAt: string

beforeAll(async () => {
  await once(pictures.listen(0, '127.0.0.1'), 'listening')
  const host = `127.0.0.1:${(pictures.address() as AddressInfo).port}`
  picturesAt = `http://${host}`
  server = await startKeyedServer(scratchFolder(), undefined, {
    requestTimeoutMs: 60_000,
    addresses: { allowedHosts: [host] },
    bodyTimes: { idleMs: 400, baseMs: 800, bytesPerSecond: 1024 },
  })
})
afterAll(async () => {
  pictures.closeAllConnections()
  pictures.close()
  await server[Symbol.asyncDispose]()
})

const video = { model: 'gen4.5', promptText: 'a ball', ratio: '1280:720', duration: 2 }
const picture = (path: string) => ({ ...video, promptImage: `${picturesAt}${path}` })

async function create(body: object, key = 'alice', retry = 0, signal?: AbortSignal) {
  const path = 'promptImage' in body ? 'image_to_video' : 'text_to_video'
  const response = await fetch(`${server.url}/v1/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-stainless-retry-count': String(retry),
    },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
  const { id } = (await response.json()) as { id?: string }
  return { status: response.status, id, retryAfter: response.headers.get('retry-after') }
}

const end = async (id: string | undefined) => void (await server.jobs.cancel(id!))

async function until(found: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !found(); tries++) await wait(10)
  expect(found()).toBe(true)
}

describe('text that is none', () => {
  const bad = ['half \ud83d', '\udc00', 'zero \0']
  const bodies = (text: string): [path: string, body: object, field: string][] => [
    ['/v1/text_to_video', { ...video, promptText: text }, 'promptText'],
    ['/v1/text_to_video', { ...video, negativePrompt: text }, 'negativePrompt'],
    ['/v1/text_to_video', { ...video, webhookUrl: `https://example.com/${text}` }, 'webhookUrl'],
    ['/v1/text_to_video', { ...video, unknown: [{ deep: [text] }] }, 'unknown.0.deep.0'],
    ['/v1/text_to_video', { ...video, unknown: { [text]: 1 } }, 'unknown'],
    ['/v1/text_to_video', { ...video, loras: [{ name: text }] }, 'loras.0.name'],
    ['/v1/image_to_video', { ...video, promptImage: `https://example.com/${text}` }, 'promptImage'],
    ['/v1/uploads', { filename: text, type: 'ephemeral' }, 'filename'],
    ['/v1/videos', { prompt: text }, 'prompt'],
    ['/v1/videos', { prompt: 'x', user: text }, 'user'],
    ['/v1/videos', { prompt: 'x', metadata: { a: text } }, 'metadata.a'],
    ['/v1/videos', { prompt: 'x', extra_body: JSON.stringify({ negative_prompt: text }) }, 'negative_prompt'],
  ]
  test.each(bad)('is refused in every field, which is named: %j', async text => {
    for (const [path, body, field] of bodies(text)) {
      const { status, body: said } = await server.post(path, body)
      expect([path, status]).toEqual([path, 400])
      if (path.startsWith('/v1/videos')) expect(JSON.stringify(said)).toContain(field)
      else expect(said.issues?.[0]?.path.join('.')).toBe(field)
    }
  })

  test('is refused in forms, too', async () => {
    const send = async (name: string, value: string) => {
      const form = new FormData()
      form.append('prompt', 'x')
      form.append(name, value)
      return (await server.call('/v1/videos', { method: 'POST', body: form })).status
    }
    expect(await send('negative_prompt', 'zero \0')).toBe(400)
    expect(await send('extra_body', '{"negative_prompt":"\\ud800"}')).toBe(400)
    expect(await send('negative_prompt', 'a whole 🎬 emoji')).toBe(200)
  })

  test('an emoji is taken, and 5,000 levels are refused', async () => {
    expect((await create({ ...video, promptText: 'a 🎬' })).status).toBe(200)
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
    for (const body of [deep, `{"model":"gen4.5","x":${deep}}`, `{"prompt":"x","metadata":${deep}}`]) {
      for (const path of ['/v1/text_to_video', '/v1/videos', '/v1/videos/edits']) {
        const headers = { 'content-type': 'application/json' }
        expect((await server.call(path, { method: 'POST', body, headers })).status).toBe(400)
      }
    }
  })
})

describe('the limit of a key', () => {
  test('holds for requests that come at once: 4 of 20', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => create(video, 'dave')))
    expect(made.filter(({ status }) => status === 200)).toHaveLength(4)
    const refused = made.filter(({ status }) => status === 429)
    expect(refused.map(({ retryAfter }) => retryAfter)).toEqual(Array.from({ length: 16 }, () => '10'))
    for (const { id } of made) if (id) await end(id)
  })

  test('counts what is being prepared beside what is active', async () => {
    const { id } = await create(video, 'dave')
    const waiting = [1, 2, 3].map(number => create(picture(`/held/${number}`), 'dave'))
    await until(() => held.length === 3)
    expect((await create(video, 'dave')).status).toBe(429)
    for (const answer of held.splice(0)) answer()
    const made = await Promise.all(waiting)
    expect(made.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const each of [{ id }, ...made]) await end(each.id)
    expect((await create(video, 'dave')).status).toBe(200)
  })
})

describe('a retry of an SDK', () => {
  test('after 429 gets a task of its own, not the one that was answered before', async () => {
    const first = await create(video, 'carol')
    await wait(50)
    expect((await create(video, 'carol')).status).toBe(429)
    await end(first.id)
    const second = await create(video, 'carol', 1)
    expect(second.status).toBe(200)
    expect(second.id).not.toBe(first.id)
    await end(second.id)
  })

  test('whose answer was lost gets the task that was made, once', async () => {
    const gone = new AbortController()
    const lost = create(picture('/held/lost'), 'bob', 0, gone.signal).catch(() => 'gone')
    await until(() => held.length === 1)
    gone.abort()
    expect(await lost).toBe('gone')
    await wait(100)
    const retry = create(picture('/held/lost'), 'bob', 1)
    await wait(50)
    expect(held).toHaveLength(1)
    for (const answer of held.splice(0)) answer()
    const { id, status } = await retry
    expect(status).toBe(200)
    await until(() => server.jobs.tasks.get(id!)?.answered === true)
  })

  test('of the OpenAI client that ran out of time makes one video', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'bob', timeout: 1000, maxRetries: 1 })
    const before = server.jobs.tasks.size
    const video = client.videos.create({ prompt: 'x', input_reference: `${picturesAt}/held/sdk` as never })
    await until(() => held.length === 1)
    await wait(1700)
    for (const answer of held.splice(0)) answer()
    const { id } = await video
    expect(server.jobs.tasks.has(id.replace('video_', ''))).toBe(true)
    expect(server.jobs.tasks.size).toBe(before + 1)
  })
})

test('URLs of one key that hang leave room for those of others, and are a few at a time', async () => {
  const leave = new AbortController()
  const hanging = Array.from({ length: 80 }, (_, i) => {
    return create(picture(`/held/many/${i}`), 'alice', 0, leave.signal).catch(() => undefined)
  })
  await until(() => held.length === 4)
  const began = performance.now()
  expect((await create(picture('/at-once'), 'bob')).status).toBe(200)
  expect(performance.now() - began).toBeLessThan(2000)
  expect(held).toHaveLength(4)
  leave.abort()
  const answering = setInterval(() => {
    for (const answer of held.splice(0)) answer()
  }, 5)
  await Promise.all(hanging)
  await until(() => held.length === 0)
  clearInterval(answering)
})

describe('a slow body', () => {
  /** Sends a head that promises more than comes. @returns the status */
  async function trickle(type: string, everyMs: number, first = '{'): Promise<number> {
    const { hostname, port } = new URL(server.url)
    const headers = { authorization: 'Bearer alice', 'content-type': type, 'content-length': '100000' }
    const path = type.startsWith('multipart') ? '/v1/videos' : '/v1/text_to_video'
    const sent = requestHttp({ hostname, port, path, method: 'POST', headers })
    sent.on('error', () => {})
    sent.write(first)
    const timer = setInterval(() => sent.write(' '), everyMs)
    const [response] = (await once(sent, 'response')) as [{ statusCode: number; resume(): void }]
    clearInterval(timer)
    sent.destroy()
    return response.statusCode
  }

  test.each([
    ['that stops', 'application/json', 60_000],
    ['that trickles', 'application/json', 50],
    ['of a form that stops', 'multipart/form-data; boundary=b', 60_000],
    ['of a form that trickles', 'multipart/form-data; boundary=b', 50],
  ])('%s is given up', async (_, type, everyMs) => {
    const first = type.startsWith('multipart')
      ? '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
      : '{'
    const began = performance.now()
    expect(await trickle(type, everyMs, first)).toBe(408)
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
