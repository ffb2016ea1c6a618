/** `framewright serve` as a person starts it: a process, its tasks on disk, and what is left of it when it is killed. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import RunwayML from '@runwayml/sdk'
import { afterAll, describe, expect, test } from 'vitest'
import { startServerProcess } from '../../../bench/server-process.ts'
import { probeMedia } from '../../../src/media/probe.ts'
import { scratchFolder } from '../../scratch.ts'
import { bash, root } from '../run-cli.ts'

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

/** The blocks of a language in the documents of the server. */
function documented(language: string): string[] {
  const text = readFileSync(join(root, 'docs/server.md'), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, block]) =>
    name === language ? [block!] : [],
  )
}

describe('what docs/server.md says to clients', () => {
  const curl = documented('sh').filter(text => text.includes('curl'))
  const programs = documented('js').filter(text => /from '(openai|@runwayml\/sdk)'/.test(text))

  test('makes a video by curl, by the SDK of OpenAI and by that of Runway', async () => {
    const { url, child } = await startServerProcess(join(folder, 'documented'), [], each =>
      started.push(each),
    )
    const own = scratchFolder()
    const here = (text: string) => text.replaceAll('http://127.0.0.1:8420', url)
    expect([curl.length, programs.length]).toEqual([1, 2])
    symlinkSync(join(root, 'node_modules'), join(own, 'node_modules'))
    const check = async (name: string) => {
      const { width, height, pictureCount } = await probeMedia(join(own, name))
      expect({ width, height, pictureCount }).toEqual({ width: 64, height: 64, pictureCount: 17 })
      rmSync(join(own, name))
    }
    expect(await bash(own, here(curl[0]!))).toMatchObject({ code: 0, stderr: '' })
    await check('ball.mp4')
    for (const text of programs) {
      writeFileSync(join(own, 'client.mjs'), here(text))
      const { code, stdout, stderr } = await bash(own, 'node client.mjs')
      expect([code, stderr]).toEqual([0, ''])
      // One prints the address of its video, the other writes it.
      if (stdout !== '') {
        const bytes = await (await fetch(stdout.trim())).arrayBuffer()
        writeFileSync(join(own, 'ball.mp4'), Buffer.from(bytes))
      }
      await check('ball.mp4')
    }
    const stopped = once(child, 'exit')
    child.kill('SIGTERM')
    expect((await stopped)[0]).toBe(0)
  }, 240_000)
})

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
