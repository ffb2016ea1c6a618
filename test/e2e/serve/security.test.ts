/** What a hostile client tries. Nothing here needs a model: no task is started. */
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer, request as requestHttp } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { startHttpServer } from '../../../src/server/http-server.ts'
import { createLog } from '../../../src/server/log.ts'
import { createMetrics } from '../../../src/server/metrics.ts'
import { Catalogue } from '../../../src/server/models/catalogue.ts'
import { scratchFolder } from '../../scratch.ts'
import { MemoryJobs, MemoryKeys } from '../../unit/server/memory-jobs.ts'

const storage = new FolderStorage(scratchFolder())
const jobs = new MemoryJobs({ storage })
let url: string
let close: () => PromiseLike<void>

/** Answers anything with a picture type, and counts who came. */
let visits = 0
const inside = createServer((request, response) => {
  visits++
  if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
  else
    response
      .writeHead(200, { 'content-type': 'image/png' })
      .end(request.url === '/big' ? Buffer.alloc(17e6) : 'x')
})
let insideHost: string

/** Names as a resolver that works for an attacker gives them. */
let answers = 0
const resolver: Record<string, () => { address: string; family: number }[]> = {
  'private.example.com': () => [{ address: '10.0.0.1', family: 4 }],
  'mixed.example.com': () => [
    { address: '93.184.216.34', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ],
  'mapped.example.com': () => [{ address: '::ffff:127.0.0.1', family: 6 }],
  'metadata.example.com': () => [{ address: '169.254.169.254', family: 4 }],
  // Public when it is checked, and loopback when it is asked again.
  'rebinding.example.com': () => [{ address: answers++ === 0 ? '192.0.2.1' : '127.0.0.1', family: 4 }],
}

beforeAll(async () => {
  inside.listen(0, '127.0.0.1')
  await once(inside, 'listening')
  insideHost = `127.0.0.1:${(inside.address() as AddressInfo).port}`
  const server = await startHttpServer(
    {
      jobs,
      storage,
      keys: new MemoryKeys({
        alice: { limits: { activeTasks: 200 } },
        bob: {},
        carol: { limits: { activeTasks: 1 } },
      }),
      catalogue: await Catalogue.open({}),
      metrics: createMetrics({ stats: () => jobs.stats(), hosts: () => [] }),
      secret: Buffer.alloc(32, 7),
      log: createLog('silent'),
    },
    {
      host: '127.0.0.1',
      port: 0,
      keysRequired: true,
      lanes: 1,
      maxQueued: 100_000,
      addresses: { allowedHosts: [], resolve: async host => resolver[host]?.() ?? [] },
    },
  )
  url = server.url
  close = () => server[Symbol.asyncDispose]()
})
afterAll(async () => {
  inside.close()
  await close()
})

interface Answer {
  readonly status: number
  readonly body: { error?: string; issues?: { path: (string | number)[]; message: string }[]; id?: string }
}

async function call(path: string, init: RequestInit & { key?: string } = {}): Promise<Answer> {
  const { key = 'alice', ...rest } = init
  const headers = new Headers(rest.headers)
  if (key) headers.set('authorization', `Bearer ${key}`)
  const response = await fetch(url + path, { ...rest, headers })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

async function post(path: string, body: unknown, key = 'alice'): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  return await call(path, { method: 'POST', body: JSON.stringify(body), headers, key })
}

const request = { model: 'gen4.5', promptText: 'x', ratio: '1280:720', duration: 2 }

async function refusal(promptImage: unknown): Promise<string> {
  const { status, body } = await post('/v1/image_to_video', { ...request, promptImage })
  expect(status).toBe(400)
  return body.issues![0]!.message
}

describe('keys', () => {
  test('are needed, and have to be right', async () => {
    expect((await call('/v1/organization', { key: '' })).status).toBe(401)
    expect((await call('/v1/organization', { key: 'mallory' })).status).toBe(401)
    expect(
      (await call('/v1/organization', { headers: { authorization: 'Basic YWxpY2U6' }, key: '' })).status,
    ).toBe(401)
    expect((await call('/v1/organization')).status).toBe(200)
    expect((await call('/health', { key: '' })).status).toBe(200)
  })

  test('show the tasks of their owner alone', async () => {
    const { body } = await post('/v1/text_to_video', request)
    const path = `/v1/tasks/${body.id}`
    expect((await call(path)).status).toBe(200)
    for (const [method, target] of [
      ['GET', path],
      ['DELETE', path],
      ['GET', `${path}/events`],
      ['GET', `/v1/videos/${body.id}`],
      ['GET', `/v1/videos/${body.id}/content`],
      ['DELETE', `/v1/videos/${body.id}`],
    ] as const) {
      expect((await call(target, { method, key: 'bob' })).status).toBe(404)
    }
    expect((await call('/v1/videos', { key: 'bob' })).body).toMatchObject({ data: [] })
    expect((await call(path)).body).toMatchObject({ status: 'PENDING' })
  })

  test('may have as many tasks as they are allowed', async () => {
    expect((await post('/v1/text_to_video', request, 'carol')).status).toBe(200)
    const { status } = await post('/v1/text_to_video', request, 'carol')
    expect(status).toBe(429)
  })
})

describe('addresses that a client gives', () => {
  test.each([
    ['http://example.com/a.png', /^Only HTTPS URLs are allowed/],
    ['https://127.0.0.1/a.png', /hosted on a domain/],
    ['https://[::1]/a.png', /hosted on a domain/],
    ['https://2130706433/a.png', /hosted on a domain/],
    ['https://0x7f.1/a.png', /hosted on a domain/],
    ['https://localhost/a.png', /hosted on a public domain/],
    ['https://localhost./a.png', /hosted on a public domain/],
    ['https://printer.local/a.png', /hosted on a public domain/],
    ['https://metadata.google.internal/x', /hosted on a public domain/],
    ['https://intranet/a.png', /hosted on a public domain/],
    ['https://private.example.com/a.png', /hosted on a public domain/],
    ['https://mixed.example.com/a.png', /hosted on a public domain/],
    ['https://mapped.example.com/a.png', /hosted on a public domain/],
    ['https://metadata.example.com/latest', /hosted on a public domain/],
    ['https://rebinding.example.com/a.png', /hosted on a public domain/],
    ['https://user:pass@example.com/a.png', /user name or password/],
    ['https://nowhere.example.com/a.png', /not found/],
    [`https://example.com/${'a'.repeat(3000)}`, /at most 2048/],
    ['file:///etc/passwd', /^Only HTTPS/],
    ['ftp://example.com/a.png', /^Only HTTPS/],
    ['gopher://x', /^Only HTTPS/],
    ['not a url', /must be valid/],
    ['runway://../../etc/passwd', /No such upload/],
    ['runway://00000000-0000-4000-8000-000000000000', /No such upload/],
    ['data:image/png;base64,!!!', /Invalid data URI/],
    ['data:text/html;base64,PGI+', /Invalid data URI/],
    ['data:image/png;base64,PGI+', /Unsupported asset type/],
    [`data:image/png;base64,${Buffer.alloc(5 * 2 ** 20 + 1).toString('base64')}`, /more than 5242880 bytes/],
  ])('%.60s is refused', async (promptImage, message) => {
    expect(await refusal(promptImage)).toMatch(message)
    expect(visits).toBe(0)
  })
})

describe('a host of the own network that is allowed', () => {
  test('is reached, but gives no more than it may', async () => {
    const addresses = { allowedHosts: [insideHost] }
    const { fetchAsset } = await import('../../../src/server/assets/fetch-asset.ts')
    expect((await fetchAsset(`http://${insideHost}/a.png`, 'image', addresses)).toString()).toBe('x')
    const get = async (path: string, kind: 'image' | 'video' = 'image') =>
      await fetchAsset(`http://${insideHost}${path}`, kind, addresses).catch((error: Error) => error.message)
    expect(await get('/redirect')).toBe('Redirects are not followed.')
    expect(await get('/big')).toBe('The asset is larger than 16777216 bytes.')
    expect(await get('/a', 'video')).toBe('Unsupported asset type: expected video/*, got image/png.')
  })
})

describe('signatures', () => {
  test('of an output cannot be made up, changed, or used after their time', async () => {
    const { createSigner, signPath } = await import('../../../src/server/http/signature.ts')
    const signer = createSigner(Buffer.alloc(32, 7))
    const path = '/v1/outputs/00000000-0000-4000-8000-000000000000/video'
    const get = async (target: string) => (await call(target, { key: '' })).status
    const valid = signPath(signer, path, new Date(Date.now() + 60_000))
    expect(await get(valid)).toBe(404)
    expect(await get(signPath(signer, path, new Date(Date.now() - 1000)))).toBe(403)
    expect(await get(signPath(createSigner(Buffer.alloc(32, 8)), path, new Date(Date.now() + 60_000)))).toBe(
      403,
    )
    expect(await get(valid.replace('00000000-0000', '00000000-0001'))).toBe(403)
    expect(await get(valid.replace(/expires=\d/, 'expires=9'))).toBe(403)
    expect(await get(`${path}?expires=99999999999&signature=`)).toBe(403)
    expect(await get(path)).toBe(403)
  })

  test('of an upload are needed before a byte of it is kept', async () => {
    const { body } = await post('/v1/uploads', { filename: 'a.png', type: 'ephemeral' })
    const { uploadUrl, fields } = body as { uploadUrl?: string; fields?: Record<string, string> }
    const send = async (values: Record<string, string>, bytes = 600) => {
      const form = new FormData()
      for (const [name, value] of Object.entries(values)) form.append(name, value)
      form.append('file', new Blob([new Uint8Array(bytes)]), 'x')
      return (await fetch(uploadUrl!, { method: 'POST', body: form })).status
    }
    expect(await send({ ...fields, signature: 'x' })).toBe(403)
    expect(await send({ ...fields, token: `${fields!.token}0` })).toBe(403)
    expect(await send({})).toBe(403)
    expect(await send(fields!, 100)).toBe(400)
    expect(await send(fields!)).toBe(204)
    expect(await send(fields!)).toBe(409)
    expect(await readdir(storage.pathOf('incoming'))).toEqual([])
  })
})

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
      const { hostname, port } = new URL(url)
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
      error: { type: 'invalid_request_error' },
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

  test('that are too large are cut off', async () => {
    const large = {
      method: 'POST',
      body: Buffer.alloc(33 * 2 ** 20, 32),
      headers: { 'content-type': 'application/json' },
    }
    const status = await call('/v1/text_to_video', large).then(
      answer => answer.status,
      () => 413,
    )
    expect(status).toBe(413)
  })

  test('of forms have limits: files, fields, names, levels', async () => {
    const send = async (fill: (form: FormData) => void) => {
      const form = new FormData()
      form.append('prompt', 'x')
      fill(form)
      return await call('/v1/videos', { method: 'POST', body: form }).then(
        answer => answer.status,
        () => 413,
      )
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
    expect(await readdir(storage.pathOf('incoming'))).toEqual([])
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

  test('that come slowly do not hold up others', async () => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.write('POST /v1/text_to_video HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n')
    socket.write('Authorization: Bearer alice\r\nContent-Type: application/json\r\n\r\n{')
    expect((await call('/v1/organization')).status).toBe(200)
    socket.destroy()
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
