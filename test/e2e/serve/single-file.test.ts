/** A model of single files behind a server, and behind a worker of a fleet. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { startServerProcess } from '../../../bench/server-process.ts'
import { openJobs } from '../../../src/index.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { probeMedia } from '../../../src/media/probe.ts'
import { startPostgres } from '../../postgres-server.ts'
import { scratchFolder } from '../../scratch.ts'
import { writeSingleFileModel } from '../../unit/engine/single-file-model.ts'
import { tinyRequest } from '../../unit/engine/tiny-engine.ts'
import { main } from '../run-cli.ts'

const scratch = scratchFolder()
const { comfy, transformer } = await writeSingleFileModel(scratch)
const modelFlags = ['-m', transformer, '--models-dir', comfy]
/** What clients call it: its file, without folder and ending. */
const name = 't2v'

const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

async function until<T>(found: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    const value = await found()
    if (value !== undefined) return value
    await wait(100)
  }
  throw new Error('it did not come to be')
}

test('a server names it in its catalogue, and makes videos with it', async () => {
  const { url } = await startServerProcess(join(scratch, 'server'), modelFlags, child => started.push(child))
  const get = async (path: string) => (await (await fetch(url + path)).json()) as Record<string, unknown>
  const { data } = (await get('/v1/models')) as { data: { id: string; checkpoint?: string }[] }
  expect(data.map(({ id }) => id)).toContain(name)
  expect(JSON.stringify(await get(`/v1/models/${name}`))).toContain('t2v.safetensors')
  const { width, height, frames } = tinyRequest
  const body = {
    model: name,
    promptText: 'a ball',
    ratio: '1280:720',
    duration: 2,
    ...{ width, height, numFrames: frames, numInferenceSteps: 1 },
  }
  const made = await fetch(`${url}/v1/text_to_video`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect([made.status, made.status === 200 ? '' : await made.clone().text()]).toEqual([200, ''])
  const { id } = (await made.json()) as { id: string }
  const task = await until(async () => {
    const { status, ...rest } = await get(`/v1/tasks/${id}`)
    return ['SUCCEEDED', 'FAILED'].includes(String(status)) ? { status, ...rest } : undefined
  })
  expect(task).toMatchObject({ status: 'SUCCEEDED' })
}, 180_000)

test('a worker takes tasks of its file, as a server with the same flags writes them', async () => {
  const server = await startPostgres()
  const database = await server.createDatabase()
  const folder = join(scratch, 'storage')
  const storage = new FolderStorage(folder)
  const { jobs } = await openJobs({ database, storage })
  try {
    const flags = ['worker', '--database', database, '--storage', folder, '--threads', '1', ...modelFlags]
    started.push(spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] }))
    const generate = { ...tinyRequest, steps: 1, seed: '1' }
    const request = { model: transformer, generate }
    const { id } = (await jobs.create({ owner: 'local', api: 'test', request, about: {} })).task
    const task = await until(async () => {
      const found = await jobs.get(id)
      return found?.finishedAt === undefined ? undefined : found
    })
    expect(task.failure).toBeUndefined()
    const video = task.result!.outputs.find(output => output.name === 'video')!
    const { width, height, pictureCount } = await probeMedia(storage.pathOf(video.key))
    expect([width, height, pictureCount]).toEqual([tinyRequest.width, tinyRequest.height, tinyRequest.frames])
  } finally {
    for (const child of started) child.kill('SIGKILL')
    await jobs[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  }
}, 180_000)
