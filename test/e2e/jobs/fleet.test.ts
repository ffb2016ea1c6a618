/** A fleet: a PostgreSQL server, and workers that are processes of their own, some of which are killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtInModel, openJobs, readVideo } from '../../../src/index.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import type { Jobs } from '../../../src/jobs/jobs.ts'
import type { TaskRecord } from '../../../src/jobs/task.ts'
import { postgresOfRun } from '../../postgres-server.ts'
import { scratchFolder } from '../../scratch.ts'
import { main } from '../run-cli.ts'

const folder = scratchFolder()
const storage = new FolderStorage(folder)
let database: string
let jobs: Jobs
const workers: ChildProcess[] = []

beforeAll(async () => {
  database = await (await postgresOfRun()).createDatabase()
  jobs = (await openJobs({ database, storage, leaseSeconds: 2 })).jobs
}, 120_000)
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL')
  await jobs[Symbol.asyncDispose]()
})

/** Starts `framewright worker`. @returns it, and what it has said so far */
function startWorker(): { process: ChildProcess; said: () => Record<string, unknown>[] } {
  const words = [
    'worker',
    '--database',
    database,
    '--storage',
    folder,
    '--lease-seconds',
    '2',
    '--threads',
    '1',
  ]
  const worker = spawn(process.execPath, [
    main,
    ...words,
    '--checkpoint-seconds',
    '0',
    '--preview-steps',
    '0',
  ])
  let out = ''
  worker.stdout.on('data', text => (out += text))
  worker.stderr.on('data', text => (out += `${JSON.stringify({ msg: 'stderr', text: String(text) })}\n`))
  workers.push(worker)
  const lines = () => out.split('\n').slice(0, -1)
  return { process: worker, said: () => lines().map(line => JSON.parse(line) as Record<string, unknown>) }
}

async function create(count: number, steps: number, seed: (i: number) => number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const prompt = 'a red ball moves to the right on a white background'
    const generate = { prompt, width: 64, height: 64, frames: 5, steps, seed: String(seed(i)) }
    const request = { model: builtInModel, generate }
    ids.push((await jobs.create({ owner: 'local', api: 'test', request, about: {} })).task.id)
  }
  return ids
}

async function ended(ids: readonly string[], seconds: number): Promise<TaskRecord[]> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(200)) {
    const tasks = await Promise.all(ids.map(id => jobs.get(id)))
    if (tasks.every(task => task?.finishedAt !== undefined)) return tasks as TaskRecord[]
  }
  throw new Error(`not all have ended: ${JSON.stringify(await jobs.stats())}`)
}

async function until(found: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(20)) if (await found()) return
  throw new Error('it did not come to be')
}

/** A hash of the pictures of a task's video. */
async function pictures(task: TaskRecord): Promise<string> {
  const path = storage.pathOf(task.result!.outputs.find(({ name }) => name === 'video')!.key)
  const hash = createHash('sha256')
  for await (const frame of (await readVideo(path)).frames) hash.update(frame)
  return hash.digest('hex')
}

test('50 tasks end once each, though a worker is killed while it makes a video', async () => {
  // Those of one seed take long enough, on fast machines too, to be seen in the middle and killed there.
  const longRun = 40
  const ids = [...(await create(4, longRun, () => 0)), ...(await create(46, 2, i => 1 + (i % 4)))]
  const first = startWorker()
  startWorker()
  const begun = (id: string) => first.said().some(({ msg, task }) => msg === 'task begun' && task === id)
  let cut: string | undefined
  await until(async () => {
    for (const id of ids.filter(begun)) {
      const task = await jobs.get(id)
      const { step, of } = task!.progress
      const denoising = task!.state === 'running' && of === longRun && step > 0 && step < longRun / 2
      if (denoising && (await storage.stat(`checkpoints/${id}.safetensors`))) cut = id
    }
    return cut !== undefined
  }, 90)
  first.process.kill('SIGKILL')
  startWorker()
  const tasks = await ended(ids, 240)
  expect(tasks.map(({ state, failure }) => failure ?? state)).toEqual(ids.map(() => 'succeeded'))
  expect(tasks.find(({ id }) => id === cut)?.attempt).toBe(2)
  expect(tasks.filter(({ attempt }) => attempt > 1).length).toBeLessThanOrEqual(2)
  // What is published is there, and is the last attempt's.
  for (const { attempt, id, result } of tasks) {
    for (const { key, bytes } of result!.outputs) {
      expect(key).toMatch(new RegExp(`^outputs/${id}/${attempt}-`))
      expect((await storage.stat(key))?.bytes).toBe(bytes)
    }
    expect(await storage.stat(`checkpoints/${id}.safetensors`)).toBeUndefined()
  }
  // Those of one seed are the same to the bit, also the one that was gone on with.
  const bySeed = new Map<string, Set<string>>()
  for (const task of tasks) {
    const seen = bySeed.get(task.result!.seed) ?? new Set()
    bySeed.set(task.result!.seed, seen.add(await pictures(task)))
  }
  expect([...bySeed.values()].map(each => each.size)).toEqual([1, 1, 1, 1, 1])
  expect(new Set([...bySeed.values()].flatMap(each => [...each])).size).toBe(5)
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  const advertised = await client.query('SELECT models, lanes FROM framewright.workers')
  await client.end()
  expect(advertised.rows).toContainEqual({ models: [builtInModel], lanes: 1 })
}, 400_000)

test('SIGTERM hands back what runs, with its checkpoint, and another worker goes on from there', async () => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL')
  const [id] = (await create(1, 80, () => 7)) as [string]
  const first = startWorker()
  await until(async () => ((await jobs.get(id))?.progress.step ?? 0) > 2)
  // More than one where the machine was so busy that the lease ran out.
  const { attempt } = (await jobs.get(id))!
  first.process.kill('SIGTERM')
  const code = await new Promise(resolve => first.process.once('exit', resolve))
  expect(code).toBe(0)
  const handed = (await jobs.get(id))!
  expect(handed).toMatchObject({ state: 'queued', attempt })
  expect(await storage.stat(`checkpoints/${id}.safetensors`)).toBeDefined()
  startWorker()
  const [resumed] = await ended([id], 120)
  expect(resumed).toMatchObject({ state: 'succeeded', attempt: attempt + 1 })
  const [whole] = await ended(await create(1, 80, () => 7), 120)
  expect(await pictures(resumed!)).toBe(await pictures(whole!))
}, 300_000)

test('a task of a model that no worker has waits for one', async () => {
  const request = { model: join(folder, 'another'), generate: { prompt: 'x', seed: '1' } }
  const { task } = await jobs.create({ owner: 'local', api: 'test', request, about: {} })
  const [other] = await ended(await create(1, 1, () => 1), 60)
  expect(other?.state).toBe('succeeded')
  expect((await jobs.get(task.id))?.state).toBe('queued')
  expect((await jobs.cancel(task.id))?.state).toBe('cancelled')
})

test('a running task is cancelled from another process', async () => {
  const [id] = (await create(1, 200, () => 1)) as [string]
  await until(async () => ((await jobs.get(id))?.progress.step ?? 0) > 0)
  await jobs.cancel(id)
  // The lane is free again long before 200 steps are done.
  const [next] = await ended(await create(1, 1, () => 1), 60)
  expect(next?.state).toBe('succeeded')
  expect((await jobs.get(id))?.state).toBe('cancelled')
})
