/** `framewright serve` as a person starts it: a process, its tasks on disk, and what is left of it when it is killed. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import RunwayML from '@runwayml/sdk'
import { afterAll, describe, expect, test } from 'vitest'
import { startServerProcess } from '../../../bench/server-process.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

interface Served {
  readonly child: ChildProcess
  readonly client: RunwayML
}

async function serve(name: string): Promise<Served> {
  const flags = ['--checkpoint-seconds', '0']
  const { child, url } = await startServerProcess(join(folder, name), flags, each => started.push(each))
  return { child, client: new RunwayML({ baseURL: url, apiKey: 'any', maxRetries: 0 }) }
}

async function create({ client }: Served, seed: number, steps: number): Promise<string> {
  const body = { model: 'gen4.5', promptText: 'a ball', ratio: '1280:720', duration: 2, seed }
  const extensions = { numInferenceSteps: steps, numFrames: 9 }
  return (await client.textToVideo.create({ ...body, ...extensions } as RunwayML.TextToVideoCreateParams)).id
}

async function until(served: Served, id: string, found: (task: RunwayML.TaskRetrieveResponse) => boolean) {
  for (let tries = 0; tries < 2400; tries++) {
    const task = await served.client.tasks.retrieve(id)
    if (found(task)) return task
    await wait(50)
  }
  throw new Error('it did not come to be')
}

async function video(served: Served, id: string): Promise<Buffer> {
  const task = await until(served, id, ({ status }) => status === 'SUCCEEDED' || status === 'FAILED')
  if (task.status !== 'SUCCEEDED') throw new Error(JSON.stringify(task))
  return Buffer.from(await (await fetch(task.output[0]!)).arrayBuffer())
}

describe('framewright serve', () => {
  test('that is killed in the middle loses nothing: all tasks end, the one it was at with the same video', async () => {
    const first = await serve('killed')
    const ids = [await create(first, 1, 24), await create(first, 2, 2), await create(first, 3, 2)]
    await until(first, ids[0]!, task => task.status === 'RUNNING' && task.progress > 0.2)
    const ended = once(first.child, 'exit')
    first.child.kill('SIGKILL')
    await ended
    const second = await serve('killed')
    const videos: Buffer[] = []
    for (const id of ids) videos.push(await video(second, id))
    const whole = await video(second, await create(second, 1, 24))
    expect(videos[0]!.equals(whole)).toBe(true)
    expect(videos[1]!.equals(whole)).toBe(false)
    const stopped = once(second.child, 'exit')
    second.child.kill('SIGTERM')
    expect((await stopped)[0]).toBe(0)
  }, 240_000)
})
