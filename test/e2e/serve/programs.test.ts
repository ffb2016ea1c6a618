/** What one tenant's receivers, and the machine's clock, do to the tasks of others, through whole programs. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { scratchFolder } from '../../scratch.ts'
import { framewright, start } from '../run-cli.ts'

const folder = scratchFolder()
const started: ChildProcess[] = []
const servers: ReturnType<typeof createServer>[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
})
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

interface Task {
  readonly id: string
  readonly status: string
  readonly createdAt: string
}

/** A server of one device, as its clients see it. */
async function serve(own: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const usual = ['serve', '--folder', own, '--port', '0', '--device', 'cpu', '--threads', '1']
  const child = start(folder, [...usual, '--log-level', 'error', ...flags], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  started.push(child)
  let url = ''
  for await (const line of createInterface({ input: child.stderr! })) {
    url = /^listening on (\S+)$/.exec(line)?.[1] ?? url
    if (url !== '') break
  }
  child.stderr!.resume()
  const call = async (path: string, key = '', init: RequestInit = {}) => {
    const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) }
    const response = await fetch(url + path, { ...init, headers })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Task
  }
  return {
    async create({ key, steps = 1, webhookUrl }: { key?: string; steps?: number; webhookUrl?: string }) {
      const size = { width: 64, height: 64, numFrames: 5, numInferenceSteps: steps }
      const fields = { model: 'gen4.5', promptText: 'a red ball', ratio: '1280:720', duration: 2 }
      const body = JSON.stringify({ ...fields, ...size, ...(webhookUrl && { webhookUrl }) })
      return (await call('/v1/text_to_video', key, { method: 'POST', body })).id
    },
    async task(id: string, key?: string) {
      return await call(`/v1/tasks/${id}`, key)
    },
    async ended(id: string, key?: string) {
      for (let tries = 0; tries < 1200; tries++) {
        const { status } = await call(`/v1/tasks/${id}`, key)
        if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status)) return status
        await wait(100)
      }
      throw new Error('it did not end')
    },
  }
}

async function receiver(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('three webhooks that hang keep no neighbour’s', async () => {
  const own = join(folder, 'webhooks')
  const keyOf = async (name: string) => {
    const made = await framewright(folder, ['keys', 'create', name, '--folder', own])
    return made.stdout.trim()
  }
  const [tenant, neighbour] = [await keyOf('tenant'), await keyOf('neighbour')]
  const hanging: string[] = []
  const dead = await receiver(({ url }) => void hanging.push(url!))
  const told: number[] = []
  const alive = await receiver((_, response) => {
    response.end()
    told.push(performance.now())
  })
  const server = await serve(own, ['--allow-host', dead, '--allow-host', alive])
  for (const name of ['a', 'b', 'c']) {
    const id = await server.create({ key: tenant, webhookUrl: `http://${dead}/${name}` })
    expect(await server.ended(id, tenant)).toBe('SUCCEEDED')
  }
  for (let tries = 0; tries < 200 && hanging.length < 3; tries++) await wait(50)
  expect(new Set(hanging)).toEqual(new Set(['/a', '/b', '/c']))
  const id = await server.create({ key: neighbour, webhookUrl: `http://${alive}/` })
  expect(await server.ended(id, neighbour)).toBe('SUCCEEDED')
  const ended = performance.now()
  for (let tries = 0; tries < 1200 && told.length === 0; tries++) await wait(50)
  // One receiver after another took 15 s each.
  expect(told[0]! - ended).toBeLessThan(10_000)
}, 240_000)

/** The clock of every thread of a process, moved by the seconds that a file says, which is looked at as time passes. */
const movedClock = `
  const { readFileSync } = require('node:fs')
  const { now } = Date
  let moved = 0
  let looked = -1000
  const offset = () => {
    if (performance.now() - looked > 100) {
      looked = performance.now()
      moved = Number(readFileSync(process.env.TEST_CLOCK, 'utf8')) * 1000
    }
    return moved
  }
  globalThis.Date = class extends Date {
    constructor(...values) {
      if (values.length === 0) super(now() + offset())
      else super(...values)
    }
    static now() {
      return now() + offset()
    }
  }
`

test('a clock that is set back by a day starves no task that waited, and keeps their order', async () => {
  const clock = join(folder, 'clock')
  const preload = join(folder, 'moved-clock.cjs')
  writeFileSync(clock, '0')
  writeFileSync(preload, movedClock)
  const env = { NODE_OPTIONS: `--require=${preload}`, TEST_CLOCK: clock }
  const server = await serve(join(folder, 'clock-tasks'), [], env)
  const runs = await server.create({ steps: 40 })
  for (let tries = 0; tries < 1200 && (await server.task(runs)).status !== 'RUNNING'; tries++) await wait(100)
  const waited = [await server.create({}), await server.create({})]
  writeFileSync(clock, String(-24 * 3600))
  await wait(300)
  const later = await server.create({})
  // The database's clock has gone back, too.
  const age =
    Date.parse((await server.task(waited[0]!)).createdAt) - Date.parse((await server.task(later)).createdAt)
  expect(age).toBeGreaterThan(23 * 3_600_000)
  expect(await server.ended(later)).toBe('SUCCEEDED')
  for (const id of [runs, ...waited]) expect((await server.task(id)).status).toBe('SUCCEEDED')
}, 240_000)
