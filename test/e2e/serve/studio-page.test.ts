/** How a server sends the Studio: to whom, with which headers, and of what size. */
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from '../../scratch.ts'
import { type KeyedServer, startKeyedServer } from './keyed-server.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

let server: TestServer
let keyed: KeyedServer
beforeAll(async () => {
  server = await startTestServer(scratchFolder())
  keyed = await startKeyedServer(scratchFolder())
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await keyed[Symbol.asyncDispose]()
})

describe('GET /', () => {
  test('is the page to a browser, with a policy that lets nothing foreign in', async () => {
    const response = await fetch(server.url, { headers: html })
    expect(response.status).toBe(200)
    const policy = response.headers.get('content-security-policy')!
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).not.toMatch(/unsafe|https?:/)
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(response.headers.get('vary')).toContain('Accept')
    const text = await response.text()
    const addresses = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!)
    expect(addresses.length).toBeGreaterThan(2)
    expect(addresses.filter(address => !address.startsWith('./assets/'))).toEqual([])
    expect(text).not.toMatch(/<script(?![^>]*src)|style=| on\w+=/)
  })

  test('is the same answer as ever to a client of the API', async () => {
    const response = await fetch(server.url, { headers: { accept: 'application/json' } })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      error: expect.stringContaining('No such endpoint'),
      code: 'not_found',
    })
  })

  test('needs no key where everything else does', async () => {
    expect((await fetch(keyed.url, { headers: html })).status).toBe(200)
    expect((await keyed.call('/v1/tasks', { key: '' })).status).toBe(401)
    expect((await keyed.call('/v1/capabilities', { key: '' })).status).toBe(401)
  })

  test('is not there without the Studio', async () => {
    await using bare = await startKeyedServer(scratchFolder(), undefined, { studio: false })
    for (const path of ['/', '/docs'])
      expect((await fetch(bare.url + path, { headers: html })).status).toBe(404)
  })
})

test('assets are kept by browsers for ever, and sent compressed', async () => {
  const text = await (await fetch(server.url, { headers: html })).text()
  const [, script] = /src="\.(\/assets\/[^"]+\.js)"/.exec(text)!
  const response = await fetch(server.url + script, { headers: { 'accept-encoding': 'br' } })
  expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(response.headers.get('cache-control')).toContain('immutable')
  expect(response.headers.get('content-encoding')).toBe('br')
  expect(await response.text()).toBe(readFileSync(`dist/studio${script}`, 'utf8'))
  expect((await fetch(`${server.url}/assets/..%2Findex.html`)).status).toBe(404)
  expect((await fetch(`${server.url}/assets/none.js`)).status).toBe(404)
})

test('script and style are at most 150 kB, compressed', () => {
  const files = readdirSync('dist/studio/assets').map(name => readFileSync(`dist/studio/assets/${name}`))
  const bytes = files.reduce((sum, file) => sum + brotliCompressSync(file).length, 0)
  expect(bytes).toBeGreaterThan(5_000)
  expect(bytes).toBeLessThan(150_000)
})

test('/docs is a page about the document of the interface', async () => {
  const response = await fetch(`${server.url}/docs`)
  expect(response.headers.get('content-type')).toContain('text/html')
  expect(await response.text()).toContain('id="docs"')
})

describe('a request that a web page sends', () => {
  const create = async (origin: string, host = new URL(server.url).host) => {
    return await new Promise<number>((resolve, reject) => {
      const { port } = new URL(server.url)
      const headers = { origin, host, 'content-type': 'application/json' }
      const sent = request(
        { port, host: '127.0.0.1', path: '/v1/tasks/plan', method: 'POST', headers },
        response => {
          response.resume()
          resolve(response.statusCode!)
        },
      )
      sent.once('error', reject)
      sent.end(JSON.stringify({ model: 'doodle', request: { prompt: 'a' } }))
    })
  }

  test('is answered for the own page, by whatever name of loopback', async () => {
    const { port } = new URL(server.url)
    expect(await create(server.url)).toBe(200)
    expect(await create(`http://localhost:${port}`, `localhost:${port}`)).toBe(200)
  })

  test.each([
    ['another host', 'https://evil.example.com', undefined],
    ['another port', 'http://127.0.0.1:1', undefined],
    ['a sandboxed frame', 'null', undefined],
    ['a name that was pointed here', 'http://evil.example.com:80', 'evil.example.com:80'],
  ])('is refused for the page of %s', async (_, origin, host) => {
    expect(await create(origin, host)).toBe(403)
  })
})
