/** Tasks on engine hosts: what a run of one ends with. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import { HostRunner } from '../../src/host/host-runner.ts'
import { FolderStorage } from '../../src/jobs/folder-storage.ts'
import { type JsonObject, noProgress, type TaskProgress, type TaskRecord } from '../../src/jobs/task.ts'
import type { RunOutcome, StopReason } from '../../src/jobs/task-runner.ts'
import { fixture } from '../fixtures.ts'
import { scratchFolder } from '../scratch.ts'

const folder = scratchFolder()
const storage = new FolderStorage(folder)
const model = fixture('wan21-t2v/model')
const runner = new HostRunner({
  models: [model],
  adapters: {},
  devices: ['cpu'],
  engine: { threads: 1 },
  storage,
  checkpointSeconds: 0,
  previewSteps: 3,
})
afterAll(() => runner[Symbol.asyncDispose]())

const base = {
  prompt: 'a cat',
  width: 32,
  height: 32,
  frames: 5,
  steps: 40,
  guidance: 5,
  seed: '7',
  maxTextTokens: 16,
}

function task(id: string, generate: JsonObject = base, fields: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id,
    owner: 'me',
    api: 'runway',
    about: {},
    request: { model, generate },
    priority: 0,
    state: 'running',
    ahead: 0,
    attempt: 1,
    progress: noProgress,
    createdAt: new Date().toISOString(),
    ...fields,
  }
}

interface Started {
  readonly seen: TaskProgress[]
  readonly outcome: Promise<RunOutcome>
  readonly stop: (reason: StopReason) => void
  reached(step: number): Promise<void>
}

function start(record: TaskRecord): Started {
  const seen: TaskProgress[] = []
  const abort = new AbortController()
  const reports = new EventTarget()
  const outcome = runner.run({
    task: record,
    signal: abort.signal,
    report: progress => {
      seen.push(progress)
      reports.dispatchEvent(new Event('progress'))
    },
    checkpoint: `checkpoints/${record.id}.safetensors`,
  })
  const reached = (step: number) =>
    new Promise<void>(resolve => {
      reports.addEventListener('progress', () => {
        if ((seen.at(-1)?.step ?? 0) >= step) resolve()
      })
    })
  return { seen, outcome, stop: reason => abort.abort(reason), reached }
}

async function video(id: string, attempt: number): Promise<Buffer> {
  return await readFile(storage.pathOf(`outputs/${id}/${attempt}-video.mp4`))
}

describe('a run of a task', () => {
  test('writes its files under the number of the attempt, and gives their keys', async () => {
    const { outcome, seen } = start(task('whole'))
    const ended = await outcome
    if (ended.type !== 'succeeded') throw new Error(JSON.stringify(ended))
    const { outputs, seed, frames } = ended.result
    expect(outputs.map(({ name, key }) => [name, key])).toEqual([
      ['video', 'outputs/whole/1-video.mp4'],
      ['thumbnail', 'outputs/whole/1-thumbnail.jpg'],
      ['spritesheet', 'outputs/whole/1-spritesheet.png'],
    ])
    for (const { key, bytes } of outputs) expect((await stat(storage.pathOf(key))).size).toBe(bytes)
    expect([seed, frames]).toEqual(['7', 5])
    expect(seen.at(-1)?.preview).toEqual({ key: 'previews/whole/39.jpg', step: 39 })
    expect(await storage.stat('previews/whole/39.jpg')).toBeDefined()
  })

  test('whose process dies can be tried again, and goes on to the same video', async () => {
    const first = start(task('killed'))
    await first.reached(20)
    process.kill(runner.hosts[0]!.pid!, 'SIGKILL')
    expect(await first.outcome).toMatchObject({
      type: 'failed',
      retry: true,
      failure: { code: 'host/crashed' },
    })
    const reached = first.seen.at(-1)!
    const second = start(task('killed', base, { attempt: 2, progress: reached }))
    expect((await second.outcome).type).toBe('succeeded')
    expect(second.seen[0]!.fraction).toBeGreaterThanOrEqual(reached.fraction)
    expect(second.seen.find(({ step }) => step > 0)!.step).toBeGreaterThan(1)
    expect((await video('killed', 2)).equals(await video('whole', 1))).toBe(true)
  })

  test('that is drained is interrupted, with its checkpoint', async () => {
    const first = start(task('drained'))
    await first.reached(10)
    first.stop('drain')
    expect(await first.outcome).toEqual({ type: 'interrupted' })
    expect(await storage.stat('checkpoints/drained.safetensors')).toBeDefined()
    expect((await start(task('drained', base, { attempt: 2 })).outcome).type).toBe('succeeded')
    expect((await video('drained', 2)).equals(await video('whole', 1))).toBe(true)
  })

  test('that cannot be made is not tried again', async () => {
    const wrong = await start(task('wrong', { ...base, frames: 6 })).outcome
    expect(wrong).toMatchObject({ type: 'failed', retry: false, failure: { code: 'request/size' } })
    const missing = task('missing')
    const none = await start({ ...missing, request: { ...missing.request, model: '/no/such/model' } }).outcome
    expect(none).toMatchObject({ type: 'failed', retry: false, failure: { code: 'checkpoint/not-found' } })
  })

  test('finds its pictures by their keys', async () => {
    await storage.write('inputs/a', Buffer.from('x'))
    const path = join(folder, 'picture.png')
    await sharp({ create: { width: 32, height: 32, channels: 3, background: '#f00' } }).toFile(path)
    await writeFile(storage.pathOf('inputs/a'), await readFile(path))
    // This checkpoint takes none: that the key was one, the answer tells.
    const outcome = await start(task('picture', { ...base, image: 'inputs/a' })).outcome
    expect(outcome).toMatchObject({ type: 'failed', failure: { code: 'request/unsupported' } })
    const outside = await start(task('outside', { ...base, image: '../../etc/passwd' })).outcome
    expect(outside).toMatchObject({ type: 'failed', retry: false, failure: { code: 'request/invalid' } })
  })
})
