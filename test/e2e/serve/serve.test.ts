/** A server as it is started by its one function, over tasks in memory. */
import { readFile, stat } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startServer } from '../../../src/api/server.ts'
import type { OpenJobs } from '../../../src/jobs/jobs-options.ts'
import { openSocket } from '../../../src/server/listening-socket.ts'
import type { ServeOptions } from '../../../src/server/serve.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { MemoryJobs, MemoryKeys } from '../../unit/server/memory-jobs.ts'

const folder = scratchFolder()
const ownFile = fileURLToPath(import.meta.url)
const options: ServeOptions = { folder, port: 0, devices: [], logLevel: 'silent' }

function inMemory(secrets: Record<string, object> = {}): OpenJobs {
  return async parts => ({ jobs: new MemoryJobs(parts), keys: new MemoryKeys(secrets) })
}

test('a server on loopback needs no key, and answers under its own address alone', async () => {
  await using server = await startServer(options, inMemory())
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const call = async (headers: Record<string, string> = {}) =>
    (await fetch(`${server.url}/v1/organization`, { headers })).status
  expect(await call()).toBe(200)
  expect(await call({ authorization: 'Bearer whatever' })).toBe(200)
  expect(await call({ origin: 'https://evil.example.com' })).toBe(403)
})

test('a key that exists is needed on loopback, too', async () => {
  await using server = await startServer(options, inMemory({ sesame: {} }))
  const call = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` }
    return (await fetch(`${server.url}/v1/organization`, { headers })).status
  }
  expect(await call('wrong')).toBe(401)
  expect(await call('sesame')).toBe(200)
})

test('beyond loopback a server does not start without a key', async () => {
  const { message } = await failure(startServer({ ...options, host: '0.0.0.0' }, inMemory()))
  expect(message).toBe(
    'host 0.0.0.0: expected an API key, as others can reach this address, got none. Make one with: framewright keys create NAME',
  )
  await using server = await startServer({ ...options, host: '0.0.0.0' }, inMemory({ sesame: {} }))
  expect(server.url).toMatch(/^http:\/\/0\.0\.0\.0:/)
})

test('a server on every address gives each client links under the address that it came to', async () => {
  const everywhere = { ...options, host: '0.0.0.0' }
  const files = { filename: 'a.png', type: 'ephemeral' }
  const uploadUrl = async (url: string, headers: Record<string, string> = {}) => {
    const { port, hostname } = new URL(url)
    return await new Promise<string>((resolve, reject) => {
      const all = { authorization: 'Bearer sesame', 'content-type': 'application/json', ...headers }
      const sent = request(
        { hostname, port, path: '/v1/uploads', method: 'POST', headers: all },
        async response => {
          const text = Buffer.concat(await response.toArray()).toString()
          resolve((JSON.parse(text || '{}') as { uploadUrl: string }).uploadUrl)
        },
      )
      sent.on('error', reject)
      sent.end(JSON.stringify(files))
    })
  }
  {
    await using server = await startServer(everywhere, inMemory({ sesame: {} }))
    const { port } = new URL(server.url)
    const here = `http://127.0.0.1:${port}`
    expect(await uploadUrl(here)).toMatch(`${here}/v1/uploads/`)
    expect(await uploadUrl(`http://localhost:${port}`)).toMatch(`http://localhost:${port}/v1/uploads/`)
    expect(await uploadUrl(here, { host: 'gpu.example:9000' })).toMatch('http://gpu.example:9000/v1/uploads/')
    // What proxies say of the host is not believed.
    const forwarded = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    expect(await uploadUrl(here, forwarded)).toMatch(`${here}/v1/uploads/`)
  }
  const publicUrl = 'https://video.example.com/'
  await using server = await startServer({ ...everywhere, publicUrl }, inMemory({ sesame: {} }))
  expect(server.url).toBe('https://video.example.com')
})

test.each([
  [
    { publicUrl: 'video.example.com' },
    /^publicUrl: expected an address such as https:\/\/video\.example\.com, /,
  ],
  [{ publicUrl: 'ftp://video.example.com' }, /^publicUrl: /],
  [{ publicUrl: 'https://video.example.com/?a=b' }, /^publicUrl: /],
  [{ publicUrl: 'https://me:secret@video.example.com' }, /^publicUrl: /],
  [{ publicUrl: '' }, /^publicUrl: /],
  [
    { database: 'mysql://db/video' },
    /^database: expected an address such as postgres:\/\/user:password@host\/database, /,
  ],
  [{ database: 'db.example:5432/video' }, /^database: /],
  [{ database: '' }, /^database: /],
  [{ database: 'mysql://me:secret@db/video' }, /^database: (?!.*secret)/],
])('a server does not start with %j', async (wrong, message) => {
  const error = await failure(startServer({ ...options, ...wrong }, inMemory()))
  expect(error.code).toBe('request/invalid')
  expect(error.message).toMatch(message)
})

test('a connection that waits for its next request outlives those of proxies', async () => {
  await using server = await startServer(options, inMemory())
  const response = await fetch(`${server.url}/health`)
  await response.text()
  const [, seconds] = /timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '') ?? []
  expect(Number(seconds)).toBeGreaterThan(600)
})

test('and is not taken for one whose request is late', async () => {
  await using socket = await openSocket({ port: 0, requestTimeoutMs: 400 })
  socket.answer((_, response) => void response.end('here'))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async () => {
    return await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(socket.url, { agent }, response => {
        response.resume().once('end', () => resolve(sent.socket?.localPort))
      })
      sent.on('error', reject)
      sent.end()
    })
  }
  const first = await ask()
  await wait(1_500)
  expect(await ask()).toBe(first)
  agent.destroy()
})

test('addresses stay valid after a restart: the secret is kept, for its owner to read alone', async () => {
  await startServer(options, inMemory()).then(server => server[Symbol.asyncDispose]())
  const path = join(folder, 'storage', 'secret')
  const secret = await readFile(path)
  expect(secret).toHaveLength(32)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  await startServer(options, inMemory()).then(server => server[Symbol.asyncDispose]())
  expect(await readFile(path)).toEqual(secret)
})

test('a model that is not there ends the server', async () => {
  const { code } = await failure(startServer({ ...options, models: ['no/such-model'] }, inMemory()))
  expect(code).toBe('checkpoint/not-found')
})

test.each<[string, () => Partial<ServeOptions>, RegExp]>([
  ['a host for others without a key', () => ({ host: '0.0.0.0' }), /^host 0\.0\.0\.0: expected an API key/],
  ['a model', () => ({ models: ['doodle', 'no/such-model'] }), /^model no\/such-model: /],
  ['the model of an alias', () => ({ aliases: { a: 'no/such-model' } }), /^model no\/such-model: /],
  ['an adapter', () => ({ adapters: { a: { path: 'no.safetensors' } } }), /no\.safetensors: /],
  ['a folder that is a file', () => ({ folder: ownFile }), /^folder .*: expected a folder, .*got a file\./],
  ['a folder below a file', () => ({ folder: join(ownFile, 'a') }), /got a path below a file\./],
  [
    'a storage that is a file',
    () => ({ storage: ownFile }),
    /^storage .*Give another folder with --storage\./,
  ],
])('is refused before anything listens: %s', async (_, wrong, message) => {
  let listened = false
  const onListening = () => {
    listened = true
  }
  const error = await failure(
    startServer({ ...options, folder: join(folder, 'none'), onListening, ...wrong() }),
  )
  expect(error.message).toMatch(message)
  expect(listened).toBe(false)
})

test('names of the APIs stand for checkpoints that were given to them', async () => {
  await using server = await startServer({ ...options, aliases: { 'my-model': 'doodle' } }, inMemory())
  const response = await fetch(`${server.url}/v1/text_to_video`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'my-model', promptText: 'a ball', ratio: '21:9', duration: 1.5 }),
  })
  expect(response.status).toBe(200)
})

test('in strict mode a request has to name the version of the API', async () => {
  await using server = await startServer({ ...options, strictVersion: true }, inMemory())
  const response = await fetch(`${server.url}/v1/organization`)
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({
    error: 'The X-Runway-Version header was not provided in the request',
  })
})

test('the address is told at once; requests wait until there is something to answer with', async () => {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  let url = ''
  const slow: OpenJobs = async parts => {
    await opened
    return await inMemory()(parts)
  }
  const starting = startServer({ ...options, onListening: each => (url = each) }, slow)
  for (let tries = 0; url === '' && tries < 100; tries++) await wait(10)
  expect(url).toMatch(/^http:/)
  const waiting = fetch(`${url}/health`)
  open()
  expect((await waiting).status).toBe(200)
  await (await starting)[Symbol.asyncDispose]()
})

test('a port in use is told as that', async () => {
  await using server = await startServer(options, inMemory())
  const port = Number(new URL(server.url).port)
  const { code, message } = await failure(startServer({ ...options, port }, inMemory()))
  expect({ code, message }).toEqual({
    code: 'system',
    message: `port ${port} is in use: choose another with --port`,
  })
})

test('a device that is none ends the server', async () => {
  const { code, message } = await failure(startServer({ ...options, devices: ['foo'] }, inMemory()))
  expect({ code, message }).toEqual({
    code: 'request/invalid',
    message:
      'device: expected auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N, got foo. Use cuda for a GPU of NVIDIA; "framewright doctor" tells what this machine has.',
  })
})
