/**
 * How long does a server take to answer many clients while it makes videos, and does its memory grow with the tasks it
 * has done? The server is a process of its own with its tasks on disk; the clients are this process, on the same machine.
 */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { HttpClient } from './http-client.ts'
import { type BenchOptions, printTable, rounded } from './results.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

interface Amounts {
  readonly clients: number
  readonly pages: number
  readonly seconds: number
  readonly pollMs: number
  readonly shortTasks: number
  /** Short tasks between two readings of the memory. */
  readonly batch: number
}

const usual: Amounts = { clients: 200, pages: 20, seconds: 60, pollMs: 1000, shortTasks: 1000, batch: 100 }
const quickly: Amounts = { clients: 20, pages: 2, seconds: 2, pollMs: 200, shortTasks: 4, batch: 2 }
const { call, close } = new HttpClient(usual.clients)

/** A minute under load, then short tasks, each of which takes more than 0.1 s of a processor: some minutes together. */
export async function measureServing({ quick }: BenchOptions): Promise<object> {
  const amounts = quick ? quickly : usual
  const { clients, pages, seconds, shortTasks } = amounts
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-serve-'))
  const server = await startServerProcess(folder)
  try {
    const load = await underLoad(server.url, amounts)
    printTable(`${clients} clients and ${pages} pages for ${seconds} s while videos are made`, [load])
    const memory = await overManyTasks(server, amounts)
    printTable(`memory over ${shortTasks} tasks, MiB`, memory)
    return { clients, pages, seconds, load, memory }
  } finally {
    server.child.kill('SIGTERM')
    await once(server.child, 'exit')
    close()
    rmSync(folder, { recursive: true })
  }
}

/**
 * Every client asks for a task once a second; one in twenty also makes one, cancels and deletes it. Every page of the Studio
 * reads the stream of what happens to all tasks.
 */
async function underLoad(
  url: string,
  { clients, pages, seconds, pollMs }: Amounts,
): Promise<Readonly<Record<string, number>>> {
  const long: string[] = []
  for (let count = 0; count < 20; count++) long.push(await post(url, 1000, 17))
  while (!(await call(url, 'GET', `/v1/tasks/${long[0]}`)).body.includes('RUNNING')) await wait(50)
  const leave = new AbortController()
  const streams = Array.from({ length: pages }, () => readEvents(url, leave.signal))
  await eventLoopDelay(url) // what it counts starts anew with every reading
  const polls: number[] = []
  let [wrong, posts] = [0, 0]
  const until = performance.now() + seconds * 1000
  const client = async (number: number): Promise<void> => {
    await wait((number / clients) * pollMs)
    while (performance.now() < until) {
      const answer = await call(url, 'GET', `/v1/tasks/${long[number % long.length]}`)
      polls.push(answer.ms)
      if (answer.status !== 200) wrong++
      await wait(pollMs)
      if (number % 20 !== 0) continue
      const made = await post(url, 20, 17)
      posts++
      for (let times = 0; times < 2; times++)
        if ((await call(url, 'DELETE', `/v1/tasks/${made}`)).status !== 204) wrong++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  const delay = await eventLoopDelay(url)
  leave.abort()
  const events = (await Promise.all(streams)).reduce((sum, count) => sum + count, 0)
  for (const id of long) await call(url, 'DELETE', `/v1/tasks/${id}`)
  polls.sort((a, b) => a - b)
  const at = (share: number): number => rounded(polls[Math.floor(polls.length * share)]!)
  return {
    polls: polls.length,
    posts,
    events,
    wrong,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    eventLoopP99Ms: rounded(delay * 1000),
  }
}

/** Reads as a page does, until the signal aborts. @returns the number of events */
async function readEvents(url: string, signal: AbortSignal): Promise<number> {
  let events = 0
  try {
    const { body } = await fetch(`${url}/v1/events`, { signal })
    for await (const text of body!.pipeThrough(new TextDecoderStream()))
      events += text.split('\n\n').length - 1
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return events
}

async function overManyTasks({ child, url }: ServerProcess, { shortTasks, batch }: Amounts) {
  const rows: Record<string, number>[] = []
  for (let done = batch; done <= shortTasks; done += batch) {
    const ids: string[] = []
    for (let count = 0; count < batch; count++) ids.push(await post(url, 1, 9))
    for (const id of ids) await ended(url, id)
    // The command is supervised: the process that was started has the server as its child, and that one has the hosts.
    const [server] = childrenOf(child.pid!)
    const hosts = descendantsOf(server!).reduce((sum, pid) => sum + memoryOf(pid), 0)
    rows.push({ tasks: done, server: memoryOf(server!), hosts })
  }
  return rows
}

async function ended(url: string, id: string): Promise<void> {
  for (;;) {
    const { body } = await call(url, 'GET', `/v1/tasks/${id}`)
    const { status } = JSON.parse(body) as { status: string }
    if (status === 'SUCCEEDED') return
    if (!['PENDING', 'THROTTLED', 'RUNNING'].includes(status)) throw new Error(`task ${id} failed: ${body}`)
    await wait(100)
  }
}

/** Resident memory of a process, MiB. */
function memoryOf(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(thread =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap(child => [child, ...descendantsOf(child)])
}

async function eventLoopDelay(url: string): Promise<number> {
  const { body } = await call(url, 'GET', '/metrics')
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(body)![1])
}

async function post(url: string, numInferenceSteps: number, numFrames: number): Promise<string> {
  const task = { model: 'gen4.5', promptText: 'a red ball', ratio: '1280:720', duration: 2 }
  const answer = await call(url, 'POST', '/v1/text_to_video', {
    ...task,
    // Two equal requests in a row are one task, as for clients that try again.
    seed: Math.floor(Math.random() * 2 ** 32),
    numInferenceSteps,
    numFrames,
  })
  if (answer.status !== 200) throw new Error(`a task was refused: ${answer.status} ${answer.body}`)
  return (JSON.parse(answer.body) as { id: string }).id
}
