/** What is not there, or does not work, when a program starts or while it runs: what clients and operators are told. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm, statfs, utimes, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EmbeddedDatabase } from '../../../src/jobs/embedded-database.ts'
import { FileKeys } from '../../../src/jobs/file-keys.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { openJobs } from '../../../src/jobs/open-jobs.ts'
import { startHttpServer } from '../../../src/server/http-server.ts'
import { createLog } from '../../../src/server/log.ts'
import { createMetrics } from '../../../src/server/metrics.ts'
import { Catalogue } from '../../../src/server/models/catalogue.ts'
import { startSweep } from '../../../src/server/sweep.ts'
import { startPostgres } from '../../postgres-server.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { MemoryJobs } from '../../unit/server/memory-jobs.ts'
import { main } from '../run-cli.ts'

const log = createLog('silent')

async function serve(parts: {
  jobs: MemoryJobs | Awaited<ReturnType<typeof openJobs>>['jobs']
  keys: FileKeys
  storage: FolderStorage
}) {
  return await startHttpServer(
    {
      ...parts,
      catalogue: await Catalogue.open({}),
      metrics: createMetrics({ stats: () => parts.jobs.stats(), hosts: () => [] }),
      secret: Buffer.alloc(32, 7),
      log,
    },
    { host: '127.0.0.1', port: 0, keysRequired: false, lanes: 1 },
  )
}

test('a database that goes away is 503 with a time to come again, and a server that is ready when it is back', async () => {
  const folder = scratchFolder()
  const postgres = await startPostgres()
  const storage = new FolderStorage(folder)
  const { jobs } = await openJobs({ database: await postgres.createDatabase(), storage, onError: () => {} })
  await using server = await serve({ jobs, storage, keys: new FileKeys(join(folder, 'keys.json')) })
  const get = async (path: string) => await fetch(server.url + path)
  expect((await get(`/v1/tasks/${randomUUID()}`)).status).toBe(404)
  await postgres[Symbol.asyncDispose]()
  for (const path of [`/v1/tasks/${randomUUID()}`, `/v1/videos/${randomUUID()}`, '/v1/videos']) {
    const response = await get(path)
    expect([path, response.status, response.headers.get('retry-after')]).toEqual([path, 503, '5'])
    expect(await response.text()).not.toContain('127.0.0.1')
  }
  const body = JSON.stringify({ model: 'gen4.5', promptText: 'x', ratio: '1280:720', duration: 2 })
  const headers = { 'content-type': 'application/json' }
  const posted = await fetch(`${server.url}/v1/text_to_video`, { method: 'POST', headers, body })
  expect(posted.status).toBe(503)
  expect((await get('/ready')).status).toBe(503)
  expect((await get('/health')).status).toBe(200)
  await failure(Promise.resolve(jobs[Symbol.asyncDispose]())).catch(() => {})
}, 120_000)

/** The way to a PostgreSQL server, on which nothing comes through while it is held. */
async function heldWay(address: string) {
  const { hostname, port, pathname } = new URL(address)
  const open = new Set<Socket>()
  let held = false
  const proxy = createServer(near => {
    const far = connect(Number(port), hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('error', () => {})
      from.on('close', () => to.destroy())
      from.on('data', data => to.write(data))
      if (held) from.pause()
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    address: `postgres://postgres@127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname}`,
    hold(now: boolean) {
      held = now
      for (const socket of open)
        if (now) socket.pause()
        else socket.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise(resolve => proxy.close(resolve))
    },
  }
}

test('a database that hangs is 503 with a time to come again, and answers when it goes on', async () => {
  const folder = scratchFolder()
  const storage = new FolderStorage(folder)
  await using postgres = await startPostgres()
  await using way = await heldWay(await postgres.createDatabase())
  const { jobs } = await openJobs({ database: way.address, storage, onError: () => {} })
  try {
    await using server = await serve({ jobs, storage, keys: new FileKeys(join(folder, 'keys.json')) })
    const get = async (path: string) => await fetch(server.url + path)
    const post = async () => {
      const fields = { model: 'gen4.5', promptText: 'x', ratio: '1280:720', duration: 2 }
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify(fields) }
      return await fetch(`${server.url}/v1/text_to_video`, init)
    }
    const path = `/v1/tasks/${randomUUID()}`
    expect((await get(path)).status).toBe(404)
    way.hold(true)
    const answers = await Promise.all([get(path), get('/v1/videos'), post()])
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual(
      Array(3).fill([503, '5']),
    )
    expect((await get('/health')).status).toBe(200)
    way.hold(false)
    for (let tries = 0; tries < 200 && (await get(path)).status !== 404; tries++) await wait(200)
    expect((await get(path)).status).toBe(404)
    const posted = await post()
    expect(posted.status).toBe(200)
    const { id } = (await posted.json()) as { id: string }
    expect((await get(`/v1/tasks/${id}`)).status).toBe(200)
  } finally {
    way.hold(false)
    await jobs[Symbol.asyncDispose]()
  }
}, 180_000)

test('a key that is made while a server runs without any is asked for from then on, also once it is revoked', async () => {
  const folder = scratchFolder()
  const storage = new FolderStorage(folder)
  const keys = new FileKeys(join(folder, 'keys.json'))
  await using server = await serve({
    jobs: new MemoryJobs({ storage }),
    storage,
    keys: new FileKeys(join(folder, 'keys.json')),
  })
  const get = async (secret?: string) => {
    const headers = secret ? { authorization: `Bearer ${secret}` } : {}
    return (await fetch(`${server.url}/v1/organization`, { headers })).status
  }
  expect(await get()).toBe(200)
  const { id, secret } = await keys.create('studio')
  await wait(1100)
  expect([await get(), await get('wrong'), await get(secret)]).toEqual([401, 401, 200])
  await keys.revoke(id)
  expect([await get(), await get(secret)]).toEqual([401, 401])
})

test('what a task starts from stays, however old it is: a link of an old video, and the input of a task that waits', async () => {
  const storage = new FolderStorage(scratchFolder())
  const jobs = new MemoryJobs({ storage })
  const old = new Date(Date.now() - 15 * 24 * 3_600_000)
  const write = async (key: string) => {
    await storage.write(key, Buffer.from('x'))
    await utimes(storage.pathOf(key), old, old)
  }
  const [waits, unused, link] = [`inputs/${randomUUID()}`, `inputs/${randomUUID()}`, `inputs/${randomUUID()}`]
  await write('outputs/a/1-video.mp4')
  await storage.copy('outputs/a/1-video.mp4', link)
  await write(waits)
  await write(unused)
  const request = { model: 'm', generate: { prompt: 'x', references: [waits] } }
  await jobs.create({ owner: 'o', api: 'test', request, about: {} })
  const stop = startSweep(storage, jobs, log)
  for (let tries = 0; tries < 200 && (await storage.stat(unused)); tries++) await wait(10)
  stop()
  const there = async (key: string) => (await storage.stat(key)) !== undefined
  expect(await Promise.all([waits, unused, link].map(there))).toEqual([true, false, true])
})

describe('a device that does not work', () => {
  test.each([
    ['worker', ['--database', 'postgres://127.0.0.1:1/x', '--storage', '/tmp']],
    ['serve', ['--port', '0', '--folder', scratchFolder()]],
  ])(
    'ends framewright %s with a message',
    (command, flags) => {
      const { status, stderr, stdout } = spawnSync(
        process.execPath,
        [main, command, ...flags, '--device', 'cuda:63'],
        {
          encoding: 'utf8',
          timeout: 100_000,
        },
      )
      expect(status).toBe(1)
      expect(stderr + stdout).toMatch(/device cuda:63: expected /)
    },
    120_000,
  )
})

const canMount = (() => {
  const folder = scratchFolder()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0
  if (mounted) execFileSync('umount', [folder])
  return mounted
})()

test.skipIf(!canMount)(
  'a full disk is said, and keeps the tasks: the server starts when it has room again',
  async () => {
    const disk = scratchFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', disk])
    onTestFinished(() => void spawnSync('umount', ['-l', disk]))
    const folder = join(disk, 'database')
    await mkdir(folder)
    const database = await EmbeddedDatabase.open(folder)
    await database.query("CREATE TABLE tasks AS SELECT 'kept' AS state")
    await database.close()
    for (const left of [20 * 2 ** 20, 0]) {
      const { bavail, bsize } = await statfs(disk)
      await writeFile(join(disk, `filler-${left}`), Buffer.alloc(bavail * bsize - left))
      const { code, message } = await failure(EmbeddedDatabase.open(folder))
      expect(code).toBe('jobs/database')
      expect(message).toMatch(/expected 32 MiB of free space, got .*\. Free some, .*: the tasks are kept\.$/)
      expect(message).not.toMatch(/away|anew|remove|delete/i)
    }
    for (const left of [20 * 2 ** 20, 0]) await rm(join(disk, `filler-${left}`))
    const again = await EmbeddedDatabase.open(folder)
    expect(await again.query('SELECT state FROM tasks')).toEqual([{ state: 'kept' }])
    await again.close()
  },
  180_000,
)
