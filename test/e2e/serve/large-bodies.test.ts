/** Many large bodies at once: what they take of the server, and of the time of others. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as requestHttp } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { scratchFolder } from '../../scratch.ts'
import { main } from '../run-cli.ts'

const bodies = 40
const mib = 2 ** 20
/** The goals of memory and time are for a machine that does nothing else: FRAMEWRIGHT_TEST_LOAD=1. */
const isAlone = process.env.FRAMEWRIGHT_TEST_LOAD === '1'
/** Above the idle server. Beside other tests memory is freed later, but never are all bodies kept at once. */
const mostMemory = isAlone ? 300 * mib : 0.75 * bodies * 31 * mib
const mostMs = 250

const agent = new Agent({ keepAlive: true, maxSockets: 100 })
let server: ChildProcess | undefined
afterAll(() => {
  agent.destroy()
  server?.kill('SIGKILL')
})

async function start(): Promise<string> {
  const flags = ['serve', '--no-device', '--port', '0', '--folder', scratchFolder(), '--log-level', 'error']
  const child = spawn(process.execPath, [main, ...flags])
  server = child
  let said = ''
  return await new Promise((resolve, reject) => {
    child.stderr.on('data', text => {
      said += text
      const [url] = /http:\S+/.exec(said) ?? []
      if (url) resolve(url)
    })
    child.once('exit', () => reject(new Error(said)))
  })
}

async function get(url: string, path: string): Promise<{ status: number; ms: number }> {
  const began = performance.now()
  return await new Promise((resolve, reject) => {
    const sent = requestHttp(url + path, { agent }, response => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode!, ms: performance.now() - began }))
    })
    sent.once('error', reject)
    sent.end()
  })
}

/** Resident memory of a process and those that it has started, in bytes: now, and the most there was. */
function memoryOf(pid: number): { now: number; peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)![1]) * 1024
  const inner = childrenOf(pid).map(memoryOf)
  const sum = (own: number, name: 'now' | 'peak') => inner.reduce((all, each) => all + each[name], own)
  return { now: sum(of('VmRSS'), 'now'), peak: sum(of('VmHWM'), 'peak') }
}

/** The most there was is counted from here on. */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  for (const child of childrenOf(pid)) forgetPeak(child)
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

const p99Of = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!

/** A process of its own, so that what it takes to send is not measured. Prints the answers' statuses and Retry-After. */
const senderOf = (fields: string) => `
  const { request } = require('node:http')
  // A connection that is closed after its answer, while the rest of the body is on its way.
  process.on('uncaughtException', () => {})
  const long = 'A'.repeat(${31 * mib - 200})
  const body = Buffer.from(JSON.stringify(${fields}))
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const send = () => new Promise(resolve => {
    const sent = request(process.argv[1] + '/v1/image_to_video', { method: 'POST', headers }, response => {
      response.resume()
      resolve([response.statusCode, response.headers['retry-after'] ?? null])
    })
    sent.on('error', error => resolve([error.code, null]))
    sent.end(body)
  })
  Promise.all(Array.from({ length: ${bodies} }, send)).then(all => {
    process.stdout.write(JSON.stringify(all), () => process.exit())
  })`

async function sendAll(
  url: string,
  fields: string,
): Promise<readonly [status: number | string, retryAfter: string | null][]> {
  const child = spawn(process.execPath, ['--eval', senderOf(fields), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', text => {
    said += text
  })
  await new Promise(resolve => child.once('close', resolve))
  return JSON.parse(said)
}

const usual = "model: 'gen4.5', ratio: '1280:720', duration: 2"

test.skipIf(process.platform !== 'linux').each<[of: string, fields: string, status: number]>([
  ['a picture', `{ ${usual}, promptText: 'x', promptImage: 'data:image/png;base64,' + long }`, 400],
  ['a text', `{ ${usual}, promptText: long }`, 413],
])(
  `${bodies} bodies of 31 MiB at once, of %s`,
  async (_, fields, status) => {
    server?.kill('SIGKILL')
    const url = await start()
    while ((await get(url, '/ready')).status !== 200) await wait(100)
    const id = '00000000-0000-4000-8000-000000000000'
    const quiet: number[] = []
    for (let i = 0; i < 100; i++) quiet.push((await get(url, `/v1/tasks/${id}`)).ms)
    forgetPeak(server!.pid!)
    const idle = memoryOf(server!.pid!).now
    let done = false
    const sending = sendAll(url, fields).finally(() => {
      done = true
    })
    const times: number[] = []
    while (!done) {
      times.push((await get(url, `/v1/tasks/${id}`)).ms)
      await wait(10)
    }
    const answers = await sending
    const p99 = p99Of(times)
    const grown = memoryOf(server!.pid!).peak - idle
    console.info(
      `${Math.round(grown / mib)} MiB above ${Math.round(idle / mib)}; ${times.length} other requests, p99 ${p99.toFixed(0)} ms, ${p99Of(quiet).toFixed(0)} ms without; ` +
        `${answers.filter(([each]) => each === status).length} read, ${answers.filter(([each]) => each === 503).length} to come again`,
    )
    for (const answer of answers) expect(answer).toEqual(answer[0] === 503 ? [503, '5'] : [status, null])
    expect(answers).toContainEqual([status, null])
    expect(grown).toBeLessThan(mostMemory)
    if (isAlone) expect(p99).toBeLessThan(mostMs)
  },
  180_000,
)
