/** The contract of `Jobs` in src/jobs/jobs.ts, as tests that every store of tasks runs. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Jobs } from '../../src/jobs/jobs.ts'
import type { JobsOptions } from '../../src/jobs/jobs-options.ts'
import type { Storage } from '../../src/jobs/storage.ts'
import type { NewTask, TaskRecord } from '../../src/jobs/task.ts'
import type { RunOutcome, TaskRun, TaskRunner } from '../../src/jobs/task-runner.ts'

export interface JobsStore {
  readonly name: string
  readonly storage: Storage
  /** Opens a store of its own, empty. */
  open(options: Omit<JobsOptions, 'database' | 'storage'>): Promise<Jobs>
}

const owner = 'f3f1c1f2-0000-4000-8000-000000000001'
const other = 'f3f1c1f2-0000-4000-8000-000000000002'

function newTask(fields: Partial<NewTask> = {}): NewTask {
  const request = { model: 'a-model', generate: { prompt: 'a ball', seed: '18446744073709551615' } }
  return { owner, api: 'runway', request, about: { model: 'gen4.5' }, ...fields }
}

const result: Extract<RunOutcome, { type: 'succeeded' }>['result'] = {
  outputs: [{ name: 'video', key: 'outputs/x/1-video.mp4', contentType: 'video/mp4', bytes: 3 }],
  width: 64,
  height: 64,
  frames: 9,
  fps: 8,
  seed: '18446744073709551615',
  seconds: { total: 1.5 },
  peakMemoryBytes: 1,
}

const step = (fraction: number) => ({ fraction, stage: 'denoising', step: fraction * 10, of: 10 }) as const

/** A runner whose runs end when the test says how. */
class HeldRunner implements TaskRunner {
  readonly models = ['a-model']
  readonly lanes: number
  readonly runs: (TaskRun & { end: (outcome: RunOutcome) => void })[] = []

  constructor(lanes = 1) {
    this.lanes = lanes
  }

  async run(run: TaskRun): Promise<RunOutcome> {
    return await new Promise(end => {
      this.runs.push({ ...run, end })
      run.signal.addEventListener('abort', () => end({ type: 'interrupted' }))
    })
  }

  async begun(count: number): Promise<void> {
    await until(() => this.runs.length >= count)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function until(found: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await found()) return
    await wait(25)
  }
  throw new Error('it did not come to be within 10 seconds')
}

const reaches = (jobs: Jobs, id: string, state: TaskRecord['state']) =>
  until(async () => (await jobs.get(id))?.state === state)

export function testJobs({ name, storage, open }: JobsStore): void {
  beforeAll(async () => await storage.write('outputs/x/1-video.mp4', Buffer.from('abc')))

  describe(`${name}: a task`, () => {
    test('waits with everything that was said of it', async () => {
      await using jobs = await open({})
      const { task, outcome } = await jobs.create(
        newTask({ priority: 3, webhook: { url: 'https://a.example/' } }),
      )
      expect(outcome).toBe('created')
      expect(task).toMatchObject({
        ...newTask(),
        priority: 3,
        webhook: { url: 'https://a.example/' },
        state: 'queued',
        attempt: 0,
        ahead: 0,
        progress: { fraction: 0, stage: 'waiting' },
      })
      expect(task.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(await jobs.get(task.id)).toEqual(task)
      expect(await jobs.get(randomUUID())).toBeUndefined()
    })

    test('runs once, tells how far it is, and ends with its result', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      const { task } = await jobs.create(newTask())
      await runner.begun(1)
      const run = runner.runs[0]!
      expect(run.task).toMatchObject({ id: task.id, state: 'running', attempt: 1 })
      expect(run.checkpoint).toContain(task.id)
      run.report(step(0.5))
      await until(async () => (await jobs.get(task.id))?.progress.fraction === 0.5)
      run.end({ type: 'succeeded', result })
      await reaches(jobs, task.id, 'succeeded')
      const ended = (await jobs.get(task.id))!
      expect(ended.result).toEqual(result)
      expect(Date.parse(ended.finishedAt!)).toBeGreaterThanOrEqual(Date.parse(ended.startedAt!))
      await wait(100)
      expect(runner.runs).toHaveLength(1)
    })

    test('that fails for good is not tried again', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      const { task } = await jobs.create(newTask())
      await runner.begun(1)
      const failure = { code: 'request/size', message: 'too large' }
      runner.runs[0]!.end({ type: 'failed', failure, retry: false })
      await reaches(jobs, task.id, 'failed')
      expect((await jobs.get(task.id))?.failure).toEqual(failure)
    })

    test('whose owner has others does not show them', async () => {
      await using jobs = await open({})
      const mine = await jobs.create(newTask())
      await jobs.create(newTask({ owner: other }))
      await jobs.create(newTask({ api: 'openai' }))
      const all = await jobs.list({ owner, limit: 10, order: 'asc' })
      expect(all.map(task => task.owner)).toEqual([owner, owner])
      const some = await jobs.list({ owner, api: 'runway', limit: 10, order: 'asc' })
      expect(some.map(({ id }) => id)).toEqual([mine.task.id])
      expect([await jobs.countActive(owner), await jobs.countActive(other)]).toEqual([2, 1])
    })
  })

  describe(`${name}: pages of a list`, () => {
    test('follow each other in both orders', async () => {
      await using jobs = await open({})
      const ids: string[] = []
      for (let i = 0; i < 5; i++) ids.push((await jobs.create(newTask())).task.id)
      for (const order of ['asc', 'desc'] as const) {
        const seen: string[] = []
        for (let after: string | undefined; ; after = seen.at(-1)) {
          const place = after && (await jobs.placeOf(owner, after))
          const page = await jobs.list({ owner, limit: 2, order, ...(place && { after: place }) })
          if (page.length === 0) break
          seen.push(...page.map(({ id }) => id))
        }
        expect(seen).toEqual(order === 'asc' ? ids : ids.toReversed())
      }
    })

    test('go on after a task that was removed, of its owner alone', async () => {
      await using jobs = await open({})
      const ids: string[] = []
      for (let i = 0; i < 3; i++) ids.push((await jobs.create(newTask())).task.id)
      await jobs.cancel(ids[1]!)
      await jobs.remove(ids[1]!)
      const after = await jobs.placeOf(owner, ids[1]!)
      expect(after).toBeDefined()
      const next = async (order: 'asc' | 'desc') =>
        (await jobs.list({ owner, limit: 9, order, ...(after && { after }) })).map(({ id }) => id)
      expect([await next('asc'), await next('desc')]).toEqual([[ids[2]], [ids[0]]])
      expect(await jobs.placeOf(other, ids[1]!)).toBeUndefined()
      expect(await jobs.placeOf(other, ids[0]!)).toBeUndefined()
      expect(await jobs.placeOf(owner, randomUUID())).toBeUndefined()
      expect(await jobs.placeOf(owner, 'nonsense')).toBeUndefined()
    })
  })

  describe(`${name}: idempotency`, () => {
    test('gives the first task again for the same request, and none for another', async () => {
      await using jobs = await open({})
      const idempotency = { key: 'k', fingerprint: 'f', seconds: 60 }
      const first = await jobs.create(newTask({ idempotency }))
      const again = await jobs.create(newTask({ idempotency }))
      expect([again.outcome, again.task.id]).toEqual(['repeated', first.task.id])
      const clash = await jobs.create(newTask({ idempotency: { ...idempotency, fingerprint: 'g' } }))
      expect(clash.outcome).toBe('conflict')
      expect((await jobs.create(newTask({ owner: other, idempotency }))).outcome).toBe('created')
      expect(await jobs.countActive(owner)).toBe(1)
    })

    test('holds for requests that come at the same time', async () => {
      await using jobs = await open({})
      const idempotency = { key: 'same', fingerprint: 'f', seconds: 60 }
      const made = await Promise.all(Array.from({ length: 8 }, () => jobs.create(newTask({ idempotency }))))
      expect(new Set(made.map(({ task }) => task.id)).size).toBe(1)
      expect(made.filter(({ outcome }) => outcome === 'created')).toHaveLength(1)
    })
  })

  describe(`${name}: the queue`, () => {
    test('gives a runner as many as it has lanes, and says how many go first', async () => {
      const runner = new HeldRunner(2)
      await using jobs = await open({ runner })
      const ids: string[] = []
      for (let i = 0; i < 4; i++) ids.push((await jobs.create(newTask())).task.id)
      await runner.begun(2)
      await wait(100)
      expect(runner.runs).toHaveLength(2)
      expect(await jobs.stats()).toMatchObject({ queued: 2, running: 2 })
      expect((await jobs.get(ids[3]!))?.ahead).toBe(3)
      runner.runs[0]!.end({ type: 'succeeded', result })
      await runner.begun(3)
      expect(runner.runs.map(({ task }) => task.id)).toEqual(ids.slice(0, 3))
    })
  })

  describe(`${name}: a cancelled task`, () => {
    test('that waits never runs', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      const first = await jobs.create(newTask())
      await runner.begun(1)
      const second = await jobs.create(newTask())
      expect((await jobs.cancel(second.task.id))?.state).toBe('cancelled')
      runner.runs[0]!.end({ type: 'succeeded', result })
      await reaches(jobs, first.task.id, 'succeeded')
      await wait(200)
      expect(runner.runs).toHaveLength(1)
    })

    test('that runs is stopped, and stays cancelled whatever its runner gives', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      const { task } = await jobs.create(newTask())
      await runner.begun(1)
      expect((await jobs.cancel(task.id))?.state).toBe('cancelled')
      const { signal, end } = runner.runs[0]!
      await until(() => signal.aborted)
      expect(signal.reason).toBe('cancelled')
      end({ type: 'succeeded', result })
      await wait(100)
      expect((await jobs.get(task.id))?.state).toBe('cancelled')
      const next = await jobs.create(newTask())
      await runner.begun(2)
      expect(runner.runs[1]?.task.id).toBe(next.task.id)
    })

    test('that is not there, or has ended, is left as it is', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      expect(await jobs.cancel(randomUUID())).toBeUndefined()
      const { task } = await jobs.create(newTask())
      await runner.begun(1)
      runner.runs[0]!.end({ type: 'succeeded', result })
      await reaches(jobs, task.id, 'succeeded')
      expect((await jobs.cancel(task.id))?.state).toBe('succeeded')
    })
  })

  describe(`${name}: watching a task`, () => {
    test('shows it as it is, every change, and its end', async () => {
      const runner = new HeldRunner()
      await using jobs = await open({ runner })
      const { task } = await jobs.create(newTask())
      const seen: TaskRecord[] = []
      const watching = (async () => {
        for await (const each of jobs.watch(task.id, new AbortController().signal)) seen.push(each)
      })()
      await runner.begun(1)
      const run = runner.runs[0]!
      for (const fraction of [0.1, 0.2, 0.3]) {
        run.report(step(fraction))
        await until(() => seen.some(({ progress }) => progress.fraction >= fraction))
      }
      run.end({ type: 'succeeded', result })
      await watching
      expect(seen.at(-1)?.state).toBe('succeeded')
      const fractions = seen.map(({ progress }) => progress.fraction)
      expect(fractions.slice(0, -1)).toEqual(fractions.slice(0, -1).sort((a, b) => a - b))
    })

    test('ends when the watcher leaves, at once for an ended task, and for one that is not there', async () => {
      await using jobs = await open({})
      const { task } = await jobs.create(newTask())
      const leave = new AbortController()
      const states: string[] = []
      for await (const { state } of jobs.watch(task.id, leave.signal)) {
        states.push(state)
        leave.abort()
      }
      expect(states).toEqual(['queued'])
      await jobs.cancel(task.id)
      const after: string[] = []
      for await (const { state } of jobs.watch(task.id, new AbortController().signal)) after.push(state)
      expect(after).toEqual(['cancelled'])
      for await (const _ of jobs.watch(randomUUID(), new AbortController().signal)) expect.unreachable()
    })
  })

  describe(`${name}: the tasks of an owner`, () => {
    test('are found by their state and by the text of their request', async () => {
      await using jobs = await open({})
      const about = async (prompt: string) => {
        const request = { model: 'a-model', generate: { prompt } }
        return (await jobs.create(newTask({ request }))).task.id
      }
      const red = await about('a RED "ball"')
      const blue = await about('a blue ball')
      await jobs.cancel(blue)
      const find = async (filter: { states?: readonly TaskRecord['state'][]; search?: string }) => {
        const found = await jobs.list({ owner, limit: 10, order: 'asc', ...filter })
        return found.map(({ id }) => id)
      }
      expect(await find({ states: ['queued', 'running'] })).toEqual([red])
      expect(await find({ search: 'red "B' })).toEqual([red])
      expect(await find({ search: 'ball' })).toEqual([red, blue])
      expect(await find({ search: 'ball', states: ['cancelled'] })).toEqual([blue])
      expect(await find({ search: '%' })).toEqual([])
    })

    test('are told as they are, and whenever one is made, changes or is removed', async () => {
      await using jobs = await open({})
      const before = (await jobs.create(newTask())).task.id
      await jobs.create(newTask({ owner: other }))
      const stop = new AbortController()
      const told: string[] = []
      const watching = (async () => {
        for await (const { id, task } of jobs.watchOwner(owner, stop.signal)) {
          told.push(`${id === before ? 'first' : 'second'} ${task?.state ?? 'removed'}`)
        }
      })()
      await until(() => told.includes('first queued'))
      const { task } = await jobs.create(newTask())
      await until(() => told.includes('second queued'))
      await jobs.cancel(task.id)
      await until(() => told.includes('second cancelled'))
      await jobs.remove(task.id)
      await until(() => told.includes('second removed'))
      await jobs.cancel((await jobs.list({ owner: other, limit: 1, order: 'desc' }))[0]!.id)
      stop.abort()
      await watching
      expect(new Set(told)).toEqual(
        new Set(['first queued', 'second queued', 'second cancelled', 'second removed']),
      )
    })
  })

  test(`${name}: a task that waits is told again when there are fewer before it`, async () => {
    await using jobs = await open({})
    const [first, second] = [await jobs.create(newTask()), await jobs.create(newTask())]
    const stop = new AbortController()
    const ahead: number[] = []
    const watching = (async () => {
      for await (const { id, task } of jobs.watchOwner(owner, stop.signal)) {
        if (id === second.task.id) ahead.push(task!.ahead)
      }
    })()
    await until(() => ahead.includes(1))
    await jobs.cancel(first.task.id)
    await until(() => ahead.at(-1) === 0)
    stop.abort()
    await watching
  })

  test(`${name}: a removed task is gone with its files`, async () => {
    await using jobs = await open({})
    const { task } = await jobs.create(newTask())
    await jobs.cancel(task.id)
    const key = `outputs/${task.id}/1-video.mp4`
    await storage.write(key, Buffer.from('abc'))
    expect(await jobs.remove(task.id)).toBe(true)
    expect(await jobs.get(task.id)).toBeUndefined()
    expect(await storage.stat(key)).toBeUndefined()
    expect(await jobs.remove(task.id)).toBe(false)
  })

  test(`${name}: what a removed task was made from goes with it, unless another task waits for it`, async () => {
    await using jobs = await open({})
    const [own, shared] = [`inputs/${randomUUID()}`, `inputs/${randomUUID()}`]
    for (const key of [own, shared]) await storage.write(key, Buffer.from('abc'))
    const from = async (image: string, lastImage: string) => {
      const request = { model: 'a-model', generate: { prompt: 'a ball', image, lastImage } }
      return (await jobs.create(newTask({ request }))).task.id
    }
    const [first, second] = [await from(own, shared), await from(shared, shared)]
    const left = async () => [await storage.stat(own), await storage.stat(shared)].map(each => each?.bytes)
    await jobs.cancel(first)
    await jobs.remove(first)
    expect(await left()).toEqual([undefined, 3])
    await jobs.cancel(second)
    await jobs.remove(second)
    expect(await left()).toEqual([undefined, undefined])
  })

  test(`${name}: the end of a task is announced once, with its id`, async () => {
    const runner = new HeldRunner()
    const sent: { id: string; task: TaskRecord }[] = []
    const webhooks = {
      async send(id: string, task: TaskRecord) {
        sent.push({ id, task })
      },
    }
    await using jobs = await open({ runner, webhooks })
    const { task } = await jobs.create(newTask({ webhook: { url: 'https://a.example/' } }))
    await runner.begun(1)
    runner.runs[0]!.end({ type: 'succeeded', result })
    await until(() => sent.length > 0)
    await wait(100)
    expect(sent).toHaveLength(1)
    expect(sent[0]).toMatchObject({ id: expect.any(String), task: { id: task.id, state: 'succeeded' } })
  })
}
