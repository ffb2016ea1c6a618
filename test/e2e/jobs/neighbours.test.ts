/** What one task, one worker or one clock does to the tasks of others: nothing. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import type { JobsOptions } from '../../../src/jobs/jobs-options.ts'
import { openJobs } from '../../../src/jobs/open-jobs.ts'
import { PostgresDatabase } from '../../../src/jobs/postgres-database.ts'
import { migrate } from '../../../src/jobs/schema.ts'
import { markerKey } from '../../../src/jobs/storage-marker.ts'
import type { NewTask, TaskRecord } from '../../../src/jobs/task.ts'
import type { RunOutcome, TaskRun, TaskRunner } from '../../../src/jobs/task-runner.ts'
import { type PostgresServer, postgresOfRun, sql } from '../../postgres-server.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const storage = new FolderStorage(folder)
let server: PostgresServer
beforeAll(async () => {
  server = await postgresOfRun()
  // The databases of tests that run at the same time have one storage: it is known before they do.
  await storage.write(markerKey, Buffer.from(randomUUID()))
}, 120_000)

const rest = { width: 1, height: 1, frames: 1, fps: 1, seed: '1', seconds: {}, peakMemoryBytes: 1 }
const done: RunOutcome = { type: 'succeeded', result: { ...rest, outputs: [] } }

function runnerOf(run: (run: TaskRun) => Promise<RunOutcome> = async () => done, lanes = 1) {
  const ids: string[] = []
  const runner: TaskRunner = {
    models: ['m'],
    lanes,
    run: async each => {
      ids.push(each.task.id)
      return await run(each)
    },
    async [Symbol.asyncDispose]() {},
  }
  return { runner, ids }
}

async function open(database: string, options: Partial<JobsOptions> = {}) {
  const onError = () => {}
  return (await openJobs({ database, storage, leaseSeconds: 1, retryDelaySeconds: 0, onError, ...options }))
    .jobs
}

const task = (fields: Partial<NewTask> = {}): NewTask => ({
  owner: 'o',
  api: 'test',
  request: { model: 'm', generate: { prompt: 'x', seed: '1' } },
  about: {},
  ...fields,
})

async function until(found: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await wait(20)) {
    if (await found()) return
  }
  throw new Error(`it did not come to be within ${seconds} s`)
}

const prompts = ['half an emoji \ud83d', 'a zero \0', '\udc00\ud800']

describe.concurrent('a poisoned task', () => {
  test.each(prompts)('with the prompt %j runs, and its neighbours do', async prompt => {
    const { runner, ids } = runnerOf()
    await using jobs = await open(await server.createDatabase(), { runner })
    const request = { model: 'm', generate: { prompt, seed: '1' } }
    const about = { prompt, fingerprint: prompt }
    const poisoned = (await jobs.create(task({ request, about, webhook: { url: `https://a/${prompt}` } })))
      .task
    const neighbour = (await jobs.create(task({ owner: 'other' }))).task
    await until(async () => (await jobs.get(neighbour.id))?.state === 'succeeded')
    expect(ids).toEqual([poisoned.id, neighbour.id])
    expect((await jobs.list({ owner: 'o', limit: 10, order: 'asc' }))[0]?.request.generate.prompt).toBe(
      prompt,
    )
    await jobs.check()
  })

  test('that an older version stored does not stop the queue after the upgrade', async () => {
    const address = await server.createDatabase({ empty: true })
    const old = await PostgresDatabase.open(address, () => {})
    await old.transaction(session => migrate(session, 2))
    const insert = async (model: string, request: string, state: string, webhook: string | null = null) => {
      const id = randomUUID()
      await old.query(
        `INSERT INTO framewright.tasks (id, queue, model, owner, api, request, about, priority, webhook, progress, state)
         VALUES ($1, 'default', $2, 'o', 'test', $3::json, $3::json, 0, $4::json, '{}', $5)`,
        [id, model, request, webhook, state],
      )
      return id
    }
    const [halved, neighbour, adapted, ended] = [
      await insert('m', String.raw`{"model":"m","generate":{"prompt":"\ud83d"}}`, 'queued'),
      await insert('m', '{"model":"m","generate":{}}', 'queued'),
      await insert(
        '["m","ink"]',
        '{"model":"m","generate":{},"adapters":[{"name":"ink","scale":1}]}',
        'queued',
      ),
      await insert(
        'm',
        String.raw`{"model":"m","generate":{"prompt":"\u0000"}}`,
        'failed',
        '{"url":"https://a/"}',
      ),
    ]
    // The tables of the queue as they were.
    await old.query('CREATE SCHEMA framewright_queue')
    await old.query(
      'CREATE TABLE framewright_queue.job (id uuid, name text, state text, data jsonb, retry_count int)',
    )
    await old.query("INSERT INTO framewright_queue.job VALUES ($1, 'webhooks', 'retry', $2, 3)", [
      randomUUID(),
      JSON.stringify({ task: ended }),
    ])
    await old.close()
    const { runner, ids } = runnerOf()
    const sent: string[] = []
    const webhooks = { send: async (_: string, { id }: TaskRecord) => void sent.push(id) }
    await using jobs = await open(address, { runner: { ...runner, adapters: ['ink'] }, webhooks })
    await until(() => ids.length === 3)
    expect(ids).toEqual([halved, neighbour, adapted])
    await until(() => sent.length === 1)
    expect(sent).toEqual([ended])
    expect(await jobs.list({ owner: 'o', limit: 10, order: 'asc' })).toHaveLength(4)
  })

  test('that cannot be read fails, is set aside, and is shown', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const broken: string[] = []
    for (const request of ['{"model":"m","gen', 'null', '{"generate":{}}', '']) {
      const { id } = (await producer.create(task())).task
      await sql(database, 'UPDATE framewright.tasks SET request = $2, about = $2 WHERE id = $1', [
        id,
        request,
      ])
      broken.push(id)
    }
    const { id } = (await producer.create(task({ owner: 'other' }))).task
    const { runner, ids } = runnerOf()
    await using _worker = await open(database, { runner })
    await until(async () => (await producer.get(id))?.state === 'succeeded')
    expect(ids).toEqual([id])
    for (const each of broken) {
      expect(await producer.get(each)).toMatchObject({
        state: 'failed',
        failure: { code: 'jobs/unreadable' },
      })
    }
    expect(await producer.list({ owner: 'o', limit: 10, order: 'asc' })).toHaveLength(4)
  })

  test('whose runner throws is tried again, and failed', async () => {
    const { runner, ids } = runnerOf(async () => {
      throw new Error('out of order')
    })
    await using jobs = await open(await server.createDatabase(), { runner, retries: 1 })
    const { id } = (await jobs.create(task())).task
    await until(async () => (await jobs.get(id))?.state === 'failed')
    expect(ids).toHaveLength(2)
  })
})

describe.concurrent('a worker', () => {
  const broken: RunOutcome = {
    type: 'failed',
    failure: { code: 'runtime/provider', message: 'device cuda:0: expected one that computes, got none.' },
    retry: true,
  }

  test('whose device breaks hands its task back uncounted and takes no more; others make all of them', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push((await producer.create(task())).task.id)
    const bad = runnerOf(async () => broken)
    const unable: string[] = []
    const badOptions = {
      runner: bad.runner,
      retries: 0,
      onUnable: (why: { code: string }) => unable.push(why.code),
    }
    await using worker = await open(database, badOptions)
    await until(() => unable.length > 0)
    const good = runnerOf(async () => {
      await wait(10)
      return done
    })
    await using _good = await open(database, { runner: good.runner, retries: 0 })
    await until(async () => (await producer.get(ids.at(-1)!))?.state === 'succeeded')
    const states = await Promise.all(ids.map(async id => (await producer.get(id))?.state))
    expect(states).toEqual(ids.map(() => 'succeeded'))
    expect([bad.ids.length, good.ids]).toEqual([1, ids])
    expect(unable).toEqual(['runtime/provider'])
    expect(await failure(worker.check())).toMatchObject({ code: 'jobs/unable' })
  })

  test('with two devices goes on with the one that works', async () => {
    const { runner, ids } = runnerOf(async () => (ids.length === 1 ? broken : done), 2)
    await using jobs = await open(await server.createDatabase(), { runner, retries: 0 })
    const tasks = [await jobs.create(task()), await jobs.create(task()), await jobs.create(task())]
    for (const each of tasks) await until(async () => (await jobs.get(each.task.id))?.state === 'succeeded')
    await jobs.check()
  })

  test('on another storage does not start, and one that loses its storage publishes nothing', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const elsewhere = new FolderStorage(scratchFolder())
    const { runner } = runnerOf()
    const refused = await failure(open(database, { runner, storage: elsewhere, storageKnown: true }))
    expect(refused).toMatchObject({ code: 'jobs/storage' })
    expect(refused.message).toMatch(
      /^storage \/.*: expected the folder .* of the servers and workers, got one without/,
    )
    await writeFile(elsewhere.pathOf(markerKey), randomUUID())
    expect((await failure(open(database, { runner, storage: elsewhere }))).code).toBe('jobs/storage')
    // Unmounted while it works: what it has made is not where the others look for it.
    const mounted = scratchFolder()
    await writeFile(
      `${mounted}/${markerKey}`,
      String((await sql(database, 'SELECT id FROM framewright.storage'))[0]!.id),
    )
    const unable: string[] = []
    const losing = runnerOf(async () => {
      await rm(mounted, { recursive: true })
      await mkdir(mounted)
      return done
    })
    const { id } = (await producer.create(task())).task
    await using _losing = await open(database, {
      runner: losing.runner,
      storage: new FolderStorage(mounted),
      onUnable: ({ code }) => unable.push(code),
    })
    await until(() => unable.length > 0)
    await until(async () => (await producer.get(id))?.state === 'queued')
    expect(unable).toEqual(['jobs/storage'])
    await using _good = await open(database, { runner: runnerOf().runner, retries: 0 })
    await until(async () => (await producer.get(id))?.state === 'succeeded')
  })

  test('whose file is missing, or cut off, does not publish it', async () => {
    const outputs = [
      { name: 'video', key: 'outputs/y/1-video.mp4', contentType: 'video/mp4', bytes: 9 },
    ] as const
    const { runner, ids } = runnerOf(async () => {
      if (ids.length > 1) await storage.write(outputs[0].key, Buffer.alloc(ids.length === 2 ? 8 : 9))
      return { type: 'succeeded', result: { ...rest, outputs } }
    })
    await using jobs = await open(await server.createDatabase(), { runner, retries: 2 })
    const { id } = (await jobs.create(task())).task
    await until(async () => (await jobs.get(id))?.state === 'succeeded')
    expect(ids).toHaveLength(3)
  })

  test('that cannot look into the queue says that it is not ready, and is again when it can', async () => {
    const database = await server.createDatabase()
    await using jobs = await open(database, { runner: runnerOf().runner })
    await jobs.check()
    await sql(database, 'ALTER TABLE framewright.tasks RENAME COLUMN wait_from TO away')
    let refused: unknown
    await until(async () => {
      refused = await jobs.check().catch(error => error)
      return refused !== undefined
    })
    expect(refused).toMatchObject({ code: 'jobs/unable' })
    await sql(database, 'ALTER TABLE framewright.tasks RENAME COLUMN away TO wait_from')
    await until(
      async () =>
        await jobs.check().then(
          () => true,
          () => false,
        ),
    )
  }, 90_000)
})

describe.concurrent('a clock that is set back', () => {
  const later = "clock_timestamp() + interval '1 hour'"

  test('keeps the order of tasks, and starves none that waited, or waits for another attempt', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await producer.create(task())).task.id)
    // As if these were written before the clock was set back by an hour.
    await sql(
      database,
      `UPDATE framewright.tasks SET created_at = ${later}, wait_from = ${later}, wait_until = ${later} + interval '8 s'`,
    )
    for (let i = 0; i < 3; i++) ids.push((await producer.create(task())).task.id)
    const { runner, ids: ran } = runnerOf()
    await using _worker = await open(database, { runner })
    await until(() => ran.length === 6)
    expect(ran).toEqual(ids)
  })

  test('neither takes a task from its run nor leaves it with one that is gone', async () => {
    const database = await server.createDatabase()
    await using producer = await open(database)
    const { runner, ids } = runnerOf(async () => {
      await wait(2000)
      return done
    })
    await using _worker = await open(database, { runner })
    const alive = (await producer.create(task())).task.id
    await until(() => ids.length === 1)
    const gone = (await producer.create(task())).task.id
    await sql(
      database,
      `UPDATE framewright.tasks SET state = 'running', attempt = 1, lease_until = ${later} WHERE id = $1`,
      [gone],
    )
    // And as if it was set forward: the lease of the run that lives is over by the clock.
    await sql(
      database,
      "UPDATE framewright.tasks SET lease_until = clock_timestamp() - interval '1 hour' WHERE id = $1",
      [alive],
    )
    await until(async () => (await producer.get(gone))?.state === 'succeeded')
    expect(await producer.get(alive)).toMatchObject({ state: 'succeeded', attempt: 1 })
    expect((await producer.get(gone))?.attempt).toBe(2)
  }, 90_000)

  test('delays no webhook', async () => {
    const database = await server.createDatabase()
    const sent: string[] = []
    const webhooks = {
      async send(_: string, { id }: TaskRecord) {
        sent.push(id)
        if (sent.length === 1) throw new Error('refused')
      },
    }
    await using jobs = await open(database, { webhooks })
    const { id } = (await jobs.create(task({ webhook: { url: 'https://a.example/' } }))).task
    await jobs.cancel(id)
    await until(() => sent.length === 1)
    await wait(100)
    await sql(
      database,
      `UPDATE framewright.webhooks SET wait_from = ${later}, wait_until = ${later} + interval '5 s'`,
    )
    await until(() => sent.length === 2)
  })
})

describe('webhooks', () => {
  test('of receivers that hang hold up neither those of others nor the next of their owner', async () => {
    const sent: string[] = []
    const webhooks = {
      async send(_: string, { owner }: TaskRecord, signal: AbortSignal) {
        sent.push(owner)
        if (owner.startsWith('hangs')) await new Promise(resolve => signal.addEventListener('abort', resolve))
      },
    }
    await using jobs = await open(await server.createDatabase(), { webhooks })
    const end = async (owner: string) => {
      const { id } = (await jobs.create(task({ owner, webhook: { url: 'https://a.example/' } }))).task
      await jobs.cancel(id)
    }
    for (let i = 0; i < 20; i++) await end('hangs')
    for (const owner of ['hangs too', 'another', 'third']) await end(owner)
    await until(() => sent.includes('another') && sent.includes('third') && sent.includes('hangs too'), 3)
    expect(sent.filter(owner => owner === 'hangs').length).toBeLessThanOrEqual(6)
  })

  test('that failed before go after those that did not', async () => {
    const database = await server.createDatabase()
    await using jobs = await open(database)
    const end = async (owner: string) => {
      const { id } = (await jobs.create(task({ owner, webhook: { url: 'https://a.example/' } }))).task
      await jobs.cancel(id)
    }
    for (let i = 0; i < 3; i++) await end('old')
    await sql(database, 'UPDATE framewright.webhooks SET tries = 5')
    await end('new')
    const sent: string[] = []
    const webhooks = { send: async (_: string, { owner }: TaskRecord) => void sent.push(owner) }
    await using _sender = await open(database, { webhooks })
    await until(() => sent.length === 4)
    expect(sent[0]).toBe('new')
  })
})

describe.concurrent('limits', () => {
  test('hold for tasks that are made at the same time, through two servers', async () => {
    const database = await server.createDatabase()
    await using first = await open(database)
    await using second = await open(database)
    const create = async (limits: NewTask['limits'], owner: string) => {
      const made = Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? first : second).create(task({ owner, limits: limits! })),
      )
      const ends = await Promise.allSettled(made)
      for (const end of ends) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'jobs/limit' })
      }
      return ends.filter(({ status }) => status === 'fulfilled').length
    }
    expect(await create({ active: 4 }, 'o')).toBe(4)
    expect(await create({ active: 4 }, 'o')).toBe(0)
    expect(await create({ active: 9, queued: 7 }, 'p')).toBe(3)
    expect((await first.stats()).queued).toBe(7)
  })

  test('leave an idempotency key free that they refuse', async () => {
    await using jobs = await open(await server.createDatabase())
    const idempotency = { key: 'k', fingerprint: 'f', seconds: 60 }
    const wanted = task({ idempotency, limits: { active: 1 } })
    const { id } = (await jobs.create(task())).task
    expect((await failure(jobs.create(wanted))).code).toBe('jobs/limit')
    await jobs.cancel(id)
    const made = await jobs.create(wanted)
    expect(made.outcome).toBe('created')
    // What it made can be asked for again, however much there is to do.
    expect(await jobs.create(wanted)).toMatchObject({ outcome: 'repeated', task: { id: made.task.id } })
  })
})
