/** Requests that are wrong on purpose. Nothing here needs a model: no task is started. */
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from '../../scratch.ts'
import { type KeyedServer, startKeyedServer } from './keyed-server.ts'

let server: KeyedServer
let call: KeyedServer['call']
let post: KeyedServer['post']
beforeAll(async () => {
  server = await startKeyedServer(scratchFolder())
  ;({ call, post } = server)
})
afterAll(() => server[Symbol.asyncDispose]())

describe('paths', () => {
  test.each([
    '/v1/tasks/../../etc/passwd',
    '/v1/tasks/..%2f..%2fetc%2fpasswd',
    '/v1/tasks/%00',
    '/v1/tasks/%',
    '/v1/outputs/..%2f..%2f/video',
    '/v1/previews/..%2f..%2fsecret/1',
    '/v1/videos/video_..%2f..%2f/content',
    '//evil.example.com/v1/tasks/x',
    '/v1/constructor',
    '/__proto__',
  ])('%s leads nowhere', async path => {
    const status = await new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(server.url)
      const headers = { authorization: 'Bearer alice' }
      requestHttp({ hostname, port, path, headers }, response => {
        response.resume()
        resolve(response.statusCode!)
      })
        .on('error', reject)
        .end()
    })
    expect([400, 403, 404]).toContain(status)
  })

  test('with another method are 405, and unknown ones 404, in the form of their API', async () => {
    expect((await call('/v1/text_to_video')).status).toBe(405)
    expect((await call('/v1/character_performance', { method: 'POST', body: '{}' })).status).toBe(404)
    expect((await call('/v1/videos/characters', { method: 'POST', body: '{}' })).body).toMatchObject({
      error: { type: 'not_found_error' },
    })
  })
})

describe('bodies', () => {
  test.each([
    ['not JSON', '{', 'application/json', 400],
    ['another type', '{}', 'text/plain', 415],
    ['a form without a boundary', 'x', 'multipart/form-data', 415],
    [
      'a form that is cut off',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
      'multipart/form-data; boundary=b',
      400,
    ],
    ['a form without parts', '', 'multipart/form-data; boundary=b', 400],
    ['a form of nonsense', 'a'.repeat(5000), 'multipart/form-data; boundary=b', 400],
    ['a list', '[]', 'application/json', 400],
    ['null', 'null', 'application/json', 400],
    ['a deep one', '['.repeat(100_000) + ']'.repeat(100_000), 'application/json', 400],
  ])('%s is refused', async (_, body, type, expected) => {
    for (const path of ['/v1/videos', '/v1/text_to_video']) {
      const { status } = await call(path, { method: 'POST', body, headers: { 'content-type': type } })
      if (path === '/v1/videos' || !type.startsWith('multipart')) expect(status).toBe(expected)
      else expect(status).toBe(415)
    }
  })

  test('that are too large are answered to a client that goes on sending, for a while', async () => {
    const { port } = new URL(server.url)
    const head = [
      'POST /v1/text_to_video HTTP/1.1',
      'host: 127.0.0.1',
      'authorization: Bearer alice',
      'content-type: application/json',
      'content-length: 300000000',
    ]
    const socket = connect(Number(port), '127.0.0.1').setEncoding('latin1')
    socket.write(`${head.join('\r\n')}\r\n\r\n{`)
    const closed = once(socket, 'close').then(() => 'closed')
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 413 .*"code":"too_large"/s)
    socket.write(' '.repeat(1000))
    expect(await Promise.race([closed, wait(100, 'open')])).toBe('open')
    expect(await closed).toBe('closed')
  })

  test('of forms have limits: files, fields, names, levels', async () => {
    const send = async (fill: (form: FormData) => void) => {
      const form = new FormData()
      form.append('prompt', 'x')
      fill(form)
      return (await call('/v1/videos', { method: 'POST', body: form })).status
    }
    const file = (bytes: number) => new Blob([new Uint8Array(bytes)])
    expect(await send(form => form.append('input_reference', file(33 * 2 ** 20), 'x'))).toBe(413)
    expect(
      await send(form => {
        for (let i = 0; i < 5; i++) form.append('input_reference', file(9), 'x')
      }),
    ).toBe(413)
    expect(
      await send(form => {
        for (let i = 0; i < 200; i++) form.append(`f${i}`, 'x')
      }),
    ).toBe(413)
    expect(await send(form => form.append('a[b][c][d][e][f]', 'x'))).toBe(400)
    expect(await send(form => form.append('a[[b]', 'x'))).toBe(400)
    expect(await send(form => form.append('input_reference', file(600), '../../evil.png'))).toBe(400)
    expect(await readdir(server.storage.pathOf('incoming'))).toEqual([])
  })

  test('cannot reach into prototypes', async () => {
    const form = new FormData()
    form.append('prompt', 'x')
    form.append('__proto__[polluted]', 'yes')
    form.append('constructor[prototype][polluted]', 'yes')
    expect((await call('/v1/videos', { method: 'POST', body: form })).status).toBe(200)
    await post('/v1/text_to_video', JSON.parse('{"__proto__":{"polluted":"yes"},"model":"gen4.5"}'))
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('that come slowly hold up nobody, and are given up', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const answered = once(socket, 'data') as Promise<[Buffer]>
    socket.write('POST /v1/text_to_video HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n')
    socket.write('Authorization: Bearer alice\r\nContent-Type: application/json\r\n\r\n{')
    expect((await call('/v1/organization')).status).toBe(200)
    expect((await answered)[0].toString()).toMatch(/^HTTP\/1\.1 408 /)
    expect((await call('/v1/organization')).status).toBe(200)
  })
})

test('1,000 random bodies are answered with 2xx or 4xx, and none with 5xx', async () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(
      'gen4.5',
      'gen4_turbo',
      'veo3.1',
      'gen4_aleph',
      '1280:720',
      '960:960',
      5,
      2,
      'data:image/png;base64,AA==',
    ),
  )
  const names = [
    'model',
    'promptText',
    'promptImage',
    'videoUri',
    'ratio',
    'duration',
    'seed',
    'prompt',
    'size',
    'seconds',
  ]
  const more = [
    'width',
    'numFrames',
    'references',
    'contentModeration',
    'extra_body',
    'n',
    'input_reference',
    'num_frames',
  ]
  const body = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.dictionary(fc.constantFrom(...names, ...more, '__proto__'), value, { maxKeys: 10 }),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  )
  const path = fc.constantFrom(
    '/v1/text_to_video',
    '/v1/image_to_video',
    '/v1/video_to_video',
    '/v1/videos',
    '/v1/uploads',
    '/v1/organization/usage',
    '/v1/videos/edits',
  )
  await fc.assert(
    fc.asyncProperty(path, body, async (target, sent) => {
      const { status } = await post(target, sent, 'bob')
      expect(status).toBeLessThan(500)
    }),
    { numRuns: 1000, endOnFailure: true },
  )
}, 60_000)
