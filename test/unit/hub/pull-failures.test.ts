import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CancelledError } from '../../../src/errors.ts'
import { pullModel } from '../../../src/hub/pull.ts'
import type { Fault } from './hub-server.ts'
import { collect, digests, id, place, useTinyHub } from './tiny-hub.ts'
import { fewFiles, weightsPath } from './tiny-repository.ts'

const needed = fewFiles()
const hub = useTinyHub(needed)

describe('pullModel', () => {
  it('takes up a transfer that breaks off where it stopped', async () => {
    hub.inject(weightsPath, { dropAfter: 150_000 }, { dropAfter: 100_000 })
    const events = await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
    const ranges = hub.server.requestsFor(weightsPath).map(({ range }) => range)
    const starts = [...new Set(ranges)].map(range => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]))
    expect(starts).toHaveLength(3)
    expect(starts[1]).toBeGreaterThan(0)
    expect(starts[2]).toBeGreaterThan(starts[1]!)
    expect(events.filter(({ type }) => type === 'file-retry')).toHaveLength(2)
  })

  it('goes on in a later pull with what an interrupted one left', async () => {
    hub.inject(weightsPath, { dropAfter: 150_000 })
    await expect(hub.pull({ retry: { retries: 0, delayMs: 1 } })).rejects.toThrow(/goes on where it stopped/)
    expect(Object.keys(await hub.pulled())).not.toContain(weightsPath)
    const partial = await stat(join(hub.path, `${weightsPath}.partial`))
    expect(partial.size).toBeGreaterThan(0)
    hub.server.storageRequests.length = 0
    const events = await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
    expect(hub.server.requestsFor(weightsPath).at(-1)?.range).toBe(`bytes=${partial.size}-`)
    const reused = events.filter(event => event.type === 'file-end' && event.reused).length
    expect(reused).toBe(Object.keys(needed).length - 1)
  })

  it.each([
    ['the beginning of another version', Buffer.alloc(100_000, 7)],
    ['more than the file has', Buffer.alloc(500_000, 7)],
    ['as many bytes as the file, but others', Buffer.alloc(400_000, 7)],
  ])('starts a file over when what was left of it is %s', async (_, left) => {
    await place(join(hub.path, `${weightsPath}.partial`), left)
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('starts a file over when the server sends the whole instead of the rest', async () => {
    hub.inject(weightsPath, { dropAfter: 150_000 }, { ignoreRange: true })
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('starts a file over when the server refuses the rest, or sends more than the file has', async () => {
    hub.inject(weightsPath, { dropAfter: 150_000 }, { status: 416 })
    hub.inject('transformer/config.json', { extraBytes: 1 })
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it.each([500, 502, 503, 429])('tries again after status %d', async status => {
    hub.inject('', { status })
    hub.inject('tree', { status })
    hub.inject('model_index.json', { status })
    hub.inject(weightsPath, { status }, { status })
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('gives up after as many failures in a row as it may retry', async () => {
    hub.inject(weightsPath, ...Array<Fault>(9).fill({ status: 500 }))
    const error = await hub.failure({ retry: { retries: 2, delayMs: 1 } })
    expect(error).toMatchObject({ code: 'hub/download', message: expect.stringContaining('HTTP 500') })
    expect(hub.server.faults.get(weightsPath)).toHaveLength(6)
  })

  it.each([
    ['a large file', weightsPath, /sha256/],
    ['a small file', 'transformer/config.json', /git-sha1/],
  ])('refuses %s whose checksum is wrong twice, and leaves nothing of it', async (_, file, message) => {
    hub.inject(file, { corrupt: true }, { corrupt: true })
    const error = await hub.failure()
    expect(error).toMatchObject({ code: 'hub/download', message: expect.stringMatching(message) })
    const left = await hub.pulled()
    expect(Object.keys(left).filter(path => path.startsWith(file))).toEqual([])
  })

  it('downloads a file once more whose checksum is wrong once', async () => {
    hub.inject(weightsPath, { corrupt: true })
    await hub.pull()
    expect(await hub.pulled()).toEqual(digests(needed))
  })

  it('ends at once when it is aborted while nothing arrives, and keeps what it received', async () => {
    hub.inject(weightsPath, { hangAfter: 64_000 })
    const controller = new AbortController()
    const waiting = (async () => {
      for await (const event of pullModel(id, hub.options({ signal: controller.signal }))) {
        if (event.type === 'file-progress' && event.file === weightsPath)
          setTimeout(() => controller.abort(), 50)
      }
    })()
    await expect(waiting).rejects.toBeInstanceOf(CancelledError)
    const left = await stat(join(hub.path, `${weightsPath}.partial`))
    expect(left.size).toBeGreaterThan(0)
  })

  it('is cancelled while it waits to try again, and before it starts', async () => {
    hub.inject(weightsPath, { status: 503 })
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300)
    const started = performance.now()
    const slow = { signal: controller.signal, retry: { retries: 5, delayMs: 20_000 } }
    expect(await hub.failure(slow)).toBeInstanceOf(CancelledError)
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await hub.failure(slow)).toBeInstanceOf(CancelledError)
  })

  it('stops when its events are no longer asked for', async () => {
    for await (const event of pullModel(id, hub.options())) {
      if (event.type === 'file-progress' && event.file === weightsPath) break
    }
    expect(Object.keys(await hub.pulled())).not.toContain(weightsPath)
    await hub.pull()
  })

  it.each([
    '../evil.json',
    'transformer/../../evil.json',
    '/etc/evil.json',
    'transformer\\evil.json',
    'C:evil.json',
  ])('refuses a repository with a file named %s, before it writes anything', async name => {
    hub.server.files = { ...hub.server.files, [name]: Buffer.from('{}') }
    const error = await hub.failure()
    expect(error).toMatchObject({
      code: 'hub/download',
      message: expect.stringContaining('inside its folder'),
    })
    expect(await readdir(hub.folder)).toEqual([])
  })

  it.each([
    [401, /may be read/],
    [403, /HF_TOKEN/],
    [404, /Check the name/],
  ])('explains status %d without trying again', async (status, message) => {
    hub.inject('', { status }, { status })
    expect(await hub.failure()).toMatchObject({
      code: 'hub/download',
      message: expect.stringMatching(message),
    })
    expect(hub.server.faults.get('')).toHaveLength(1)
  })

  it('explains that a file of the list is not there', async () => {
    hub.inject(weightsPath, { status: 404 })
    expect(await hub.failure()).toMatchObject({
      code: 'hub/download',
      message: expect.stringContaining('HTTP 404'),
    })
  })

  it('explains that nothing listens at the endpoint', async () => {
    const error = await hub.failure({ endpoint: 'http://127.0.0.1:9', retry: { retries: 1, delayMs: 1 } })
    expect(error).toMatchObject({
      code: 'hub/download',
      message: expect.stringMatching(/expected a connection to/),
    })
  })

  it('explains that the models folder cannot be written', async () => {
    const file = join(hub.folder, 'a-file')
    await writeFile(file, '')
    expect(await hub.failure({ folder: file })).toMatchObject({
      code: 'hub/download',
      message: expect.stringContaining('FRAMEWRIGHT_HOME'),
    })
  })

  it('refuses a repository that is not in the diffusers layout', async () => {
    hub.server.files = { 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.from('x') }
    expect(await hub.failure()).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringContaining('-Diffusers'),
    })
  })

  it.each(['no slash but spaces', 'a/b/../c', '../x', 'a/..', ''])('refuses the name %j', async name => {
    const error = await collect(pullModel(name, hub.options())).catch(cause => cause)
    expect(error).toMatchObject({ code: 'request/invalid' })
    expect(hub.server.requests).toEqual([])
  })

  it('refuses an endpoint that is no address', async () => {
    expect(await hub.failure({ endpoint: 'huggingface' })).toMatchObject({ code: 'request/invalid' })
  })
})
