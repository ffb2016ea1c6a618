/** What goes beyond the contract: other processes that die, retries, time limits, retention. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import type { JobsOptions } from '../../../src/jobs/jobs-options.ts'
import { openJobs } from '../../../src/jobs/open-jobs.ts'
import { markerKey } from '../../../src/jobs/storage-marker.ts'
import type { RunOutcome, TaskRun, TaskRunner } from '../../../src/jobs/task-runner.ts'
import { type PostgresServer, postgresOfRun, sql } from '../../postgres-server.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const storage = new FolderStorage(scratchFolder())
let server: PostgresServer

beforeAll(async () => {
  server = await postgresOfRun()
  // The databases of tests that run at the same time have one storage: it is known before they do.
  await storage.write(markerKey, Buffer.from(randomUUID()))
}, 120_000)

const result = {
  outputs: [],
  width: 64,
  height: 64,
  frames: 1,
  fps: 8,
  seed: '1',
  seconds: { total: 1 },
  peakMemoryBytes: 1,
}
const done: RunOutcome = { type: 'succeeded', result }

/** A runner that does what the test says, and remembers what it was given. */
function runnerOf(run: (run: TaskRun) => Promise<RunOutcome>, models = ['m'], lanes = 1) {
  const runs: TaskRun[] = []
  const runner: TaskRunner = {
    models,
    lanes,
    run: async each => {
      runs.push(each)
      return await run(each)
    },
    async [Symbol.asyncDispose]() {},
  }
  return { runner, runs }
}

const untilStopped = (run: TaskRun) =>
  new Promise<RunOutcome>(resolve => {
    run.signal.addEventListener('abort', () => resolve({ type: 'interrupted' }))
  })

async function open(database: string, options: Partial<JobsOptions> = {}) {
  return (await openJobs({ database, storage, leaseSeconds: 1, retryDelaySeconds: 0, ...options })).jobs
}

const task = (model = 'm', fields = {}) => ({
  owner: 'o',
  api: 'test',
  request: { model, generate: { prompt: 'x', seed: '1' } },
  about: {},
  ...fields,
})

async function until(found: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1600; tries++) {
    if (await found()) return
    await wait(25)
  }
  throw new Error('it did not come to be within 40 seconds')
}

describe.concurrent('a run', () => {
  test('that fails is tried again, and given up after its retries', async () => {
    const database = await server.createDatabase()
    const wrong: RunOutcome = {
      type: 'failed',
      failure: { code: 'host/crashed', message: 'gone' },
      retry: true,
    }
    const { runner, runs } = runnerOf(async () => wrong)
    await using jobs = await open(database, { runner, retries: 2 })
    const { id } = (await jobs.create(task())).task
    await until(async () => (await jobs.get(id))?.state === 'failed')
    expect(runs.map(run => run.task.attempt)).toEqual([1, 2, 3])
    expect((await jobs.get(id))?.failure).toEqual({ code: 'host/crashed', message: 'gone' })
  })

  test('that takes too long is stopped, and has failed', async () => {
    const { runner, runs } = runnerOf(untilStopped)
    await using jobs = await open(await server.createDatabase(), { runner, runSeconds: 0.5 })
    const { id } = (await jobs.create(task())).task
    await until(async () => (await jobs.get(id))?.state === 'failed')
    expect((await jobs.get(id))?.failure?.code).toBe('jobs/timeout')
    expect(runs).toHaveLength(1)
  })

  test('that another has taken over publishes nothing', async () => {
    const database = await server.createDatabase()
    let release = (_: RunOutcome) => {}
    const { runner, runs } = runnerOf(() => new Promise(resolve => (release = resolve)))
    await using jobs = await open(database, { runner })
    const { id } = (await jobs.create(task())).task
    await until(async () => runs.length > 0)
    await sql(database, 'UPDATE framewright.tasks SET attempt = 2 WHERE id = $1', [id])
    await until(async () => runs[0]!.signal.aborted)
    expect(runs[0]!.signal.reason).toBe('lost')
    release(done)
    await wait(300)
    expect((await jobs.get(id))?.state).toBe('running')
    expect((await jobs.get(id))?.result).toBeUndefined()
    // Nobody keeps the second attempt alive: it is taken back, and the third one counts.
    await until(async () => runs.length > 1)
    expect(runs[1]!.task.attempt).toBe(3)
    release(done)
    await until(async () => (await jobs.get(id))?.state === 'succeeded')
  })

  test('that is handed back keeps its place, counts as no failure, and lets others go on', async () => {
    const database = await server.createDatabase()
    const before = runnerOf(untilStopped)
    const first = await open(database, { runner: before.runner, retries: 0 })
    const { id } = (await first.create(task())).task
    const later = (await first.create(task())).task.id
    await until(async () => before.runs.length > 0)
    await first[Symbol.asyncDispose]()
    expect(before.runs[0]!.signal.reason).toBe('drain')
    const { runner, runs } = runnerOf(async () => done)
    await using jobs = await open(database, { runner, retries: 0 })
    await until(async () => (await jobs.get(later))?.state === 'succeeded')
    expect(runs.map(run => run.task.id)).toEqual([id, later])
    expect(runs[0]!.task.attempt).toBe(2)
  })

  test('goes on for a while when the process drains', async () => {
    const { runner, runs } = runnerOf(async () => {
      await wait(500)
      return done
    })
    const database = await server.createDatabase()
    const jobs = await open(database, { runner, drainSeconds: 20 })
    const { id } = (await jobs.create(task())).task
    await until(async () => runs.length > 0)
    await jobs[Symbol.asyncDispose]()
    await using after = await open(database)
    expect((await after.get(id))?.state).toBe('succeeded')
    expect(runs[0]!.signal.aborted).toBe(false)
  })
})

describe.concurrent('the queue', () => {
  test('takes the higher priority first, also across models, and nothing of other models or queues', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const ids: string[] = []
    for (const [model, priority] of [
      ['m', 0],
      ['n', 5],
      ['m', 9],
      ['z', 100],
    ] as const) {
      ids.push((await producer.create(task(model, { priority }))).task.id)
    }
    await using others = await open(database, { queue: 'other' })
    const elsewhere = (await others.create(task('m', { priority: 50 }))).task.id
    const { runner, runs } = runnerOf(async () => done, ['m', 'n'])
    await using _worker = await open(database, { runner })
    await until(async () => (await producer.stats()).queued === 1)
    await wait(100)
    expect(runs.map(run => run.task.id)).toEqual([ids[2], ids[1], ids[0]])
    expect((await producer.get(elsewhere))?.state).toBe('queued')
  })

  test('gives a task with adapters to a worker that has all of them', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const create = async (...names: string[]) => {
      const adapters = names.map(name => ({ name, scale: 0.5 }))
      const request = { model: 'm', generate: { prompt: 'x', seed: '1' }, ...(names.length && { adapters }) }
      return (await producer.create(task('m', { request }))).task.id
    }
    const ids = [
      await create('ink', 'oil'),
      await create('ink'),
      await create(),
      await create('ink', 'chalk'),
    ]
    const waiting = async (count: number) => (await producer.stats()).queued === count
    const plain = runnerOf(async () => done)
    {
      await using _worker = await open(database, { runner: plain.runner })
      await until(() => waiting(3))
      await wait(100)
    }
    expect(plain.runs.map(run => run.task.id)).toEqual([ids[2]])
    const able = runnerOf(async () => done)
    await using _worker = await open(database, {
      runner: { ...able.runner, adapters: ['oil', 'ink', 'pen'] },
    })
    await until(() => waiting(1))
    await wait(100)
    expect(able.runs.map(run => run.task.id)).toEqual([ids[0], ids[1]])
    expect(able.runs[1]!.task.request).toMatchObject({ model: 'm', adapters: [{ name: 'ink', scale: 0.5 }] })
    expect((await producer.cancel(ids[3]!))?.state).toBe('cancelled')
    expect(await waiting(0)).toBe(true)
  })

  test('hears of a task in another process at once', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const { runner, runs } = runnerOf(untilStopped)
    await using _worker = await open(database, { runner })
    const { id } = (await producer.create(task())).task
    await until(async () => runs.length > 0)
    const began = performance.now()
    await producer.cancel(id)
    await until(async () => runs[0]!.signal.aborted)
    expect(runs[0]!.signal.reason).toBe('cancelled')
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('gives no task twice to workers that ask at the same time', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const ids = await Promise.all(
      Array.from({ length: 60 }, async () => (await producer.create(task())).task.id),
    )
    const seen: string[] = []
    const { runner } = runnerOf(
      async run => {
        seen.push(run.task.id)
        return done
      },
      ['m'],
      3,
    )
    await using _first = await open(database, { runner })
    await using _second = await open(database, { runner })
    await using _third = await open(database, { runner })
    await until(async () => (await producer.stats()).queued + (await producer.stats()).running === 0)
    expect(seen.toSorted()).toEqual(ids.toSorted())
  })
})

test.concurrent('idempotency ends with its time, and with its task', async () => {
  await using jobs = await open(await server.createDatabase())
  const idempotency = { key: 'k', fingerprint: 'f', seconds: 0.3 }
  const first = await jobs.create(task('m', { idempotency }))
  expect((await jobs.create(task('m', { idempotency }))).task.id).toBe(first.task.id)
  await wait(400)
  const second = await jobs.create(task('m', { idempotency: { ...idempotency, seconds: 60 } }))
  expect(second.outcome).toBe('created')
  await jobs.cancel(second.task.id)
  await jobs.remove(second.task.id)
  expect((await jobs.create(task('m', { idempotency }))).outcome).toBe('created')
})

test.concurrent('final tasks and their files go after the days of retention, and others stay', async () => {
  const database = await server.createDatabase()
  const first = await open(database)
  const ids = await Promise.all([0, 1, 2].map(async () => (await first.create(task())).task.id))
  const [old, fresh, waiting] = ids as [string, string, string]
  await first.cancel(old)
  await first.cancel(fresh)
  await storage.write(`outputs/${old}/1-video.mp4`, Buffer.from('x'))
  await storage.write(`outputs/${fresh}/1-video.mp4`, Buffer.from('x'))
  await sql(database, "UPDATE framewright.tasks SET finished_at = now() - interval '8 days' WHERE id = $1", [
    old,
  ])
  await sql(database, "UPDATE framewright.tasks SET created_at = now() - interval '8 days'")
  await first[Symbol.asyncDispose]()
  await using jobs = await open(database, { retentionDays: 7 })
  await until(async () => (await jobs.get(old)) === undefined)
  await until(async () => (await storage.stat(`outputs/${old}/1-video.mp4`)) === undefined)
  expect((await jobs.get(fresh))?.state).toBe('cancelled')
  expect(await storage.stat(`outputs/${fresh}/1-video.mp4`)).toBeDefined()
  expect((await jobs.get(waiting))?.state).toBe('queued')
})

test.concurrent('a webhook that was not delivered is sent again, with the same id', async () => {
  const sent: string[] = []
  const webhooks = {
    async send(id: string) {
      sent.push(id)
      if (sent.length === 1) throw new Error('refused')
    },
  }
  const database = await server.createDatabase()
  await using jobs = await open(database, { webhooks })
  const { id } = (await jobs.create(task('m', { webhook: { url: 'https://a.example/' } }))).task
  await jobs.cancel(id)
  await until(async () => sent.length === 1)
  // Not in the seconds that it would wait.
  await sql(database, 'UPDATE framewright.webhooks SET wait_until = NULL')
  await until(async () => sent.length === 2)
  expect(new Set(sent).size).toBe(1)
})

test.concurrent('a server that is not there is an error that names it without its password', async () => {
  const failed = await failure(open('postgres://someone:secret@127.0.0.1:1/x'))
  expect(failed).toMatchObject({ name: 'JobsError', code: 'jobs/database' })
  expect(failed.message).toContain('127.0.0.1:1')
  expect(failed.message).not.toContain('secret')
})
