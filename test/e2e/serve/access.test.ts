/** Who may do and reach what. Nothing here needs a model: no task is started. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchAsset } from '../../../src/server/assets/fetch-asset.ts'
import { createSigner, signPath } from '../../../src/server/http/signature.ts'
import { scratchFolder } from '../../scratch.ts'
import { type KeyedServer, serverSecret, startKeyedServer } from './keyed-server.ts'

const scratch = scratchFolder()
let server: KeyedServer
let call: KeyedServer['call']
let post: KeyedServer['post']

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
  server = await startKeyedServer(scratchFolder(), host => resolver[host]?.() ?? [])
  ;({ call, post } = server)
})
afterAll(async () => {
  inside.close()
  await server[Symbol.asyncDispose]()
})

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

  test('put no task before those of others', async () => {
    const task = { model: 'doodle', request: { prompt: 'a red ball' } }
    const { status, body } = await post('/v1/tasks', { ...task, priority: 1 })
    expect(status).toBe(400)
    expect(body.issues).toMatchObject([
      {
        path: ['priority'],
        message: expect.stringContaining('at most 0 beside the tasks of other keys, got 1'),
      },
    ])
    expect((await post('/v1/tasks', { ...task, priority: -1 })).status).toBe(201)
    expect((await call('/v1/capabilities')).body).toMatchObject({ priority: { min: -10, max: 0 } })
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
    const path = (name: string) => join(scratch, name)
    await fetchAsset(`http://${insideHost}/a.png`, 'image', addresses, path('whole'))
    expect(await readFile(path('whole'), 'utf8')).toBe('x')
    const get = async (from: string, kind: 'image' | 'video' = 'image') => {
      const fetched = fetchAsset(`http://${insideHost}${from}`, kind, addresses, path(randomUUID()))
      return await fetched.catch((error: Error) => error.message)
    }
    expect(await get('/redirect')).toBe('Redirects are not followed.')
    expect(await get('/big')).toBe('The asset is larger than 16777216 bytes.')
    expect(await get('/a', 'video')).toBe('Unsupported asset type: expected video/*, got image/png.')
  })
})

describe('signatures', () => {
  test('of an output cannot be made up, changed, or used after their time', async () => {
    const signer = createSigner(serverSecret)
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
    expect(await readdir(server.storage.pathOf('incoming'))).toEqual([])
  })
})
