/** Adapters that requests ask for by name, against a server with two models and adapters of one of them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createEngine, type GenerateRequest, readRecord, renderVideo } from '../../../src/index.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { fixture } from '../../fixtures.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const folder = scratchFolder()
const model = fixture('wan21-t2v/model')
const [first, second] = [fixture('lora/peft.safetensors'), fixture('lora/kohya.safetensors')]

let server: TestServer
beforeAll(async () => {
  const adapters = { first: { path: first }, second: { path: second } }
  server = await startTestServer(folder, { catalogue: { models: [model, 'doodle'], adapters } })
})
afterAll(() => server[Symbol.asyncDispose]())

const size = { width: 32, height: 32, numFrames: 5 }
const asked = {
  promptText: 'a cat',
  ratio: '32:32',
  ...size,
  numInferenceSteps: 2,
  guidanceScale: 4,
  seed: 5,
}

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function pixelsOf(path: string): Promise<Buffer> {
  const { frames } = await readVideo(path)
  const all: Uint8Array[] = []
  for await (const frame of frames) all.push(frame.slice())
  return Buffer.concat(all)
}

let clips = 0
/** The video that the server made last. */
let latest = ''

/** The pixels of the video that a request makes. */
async function served(loras?: object): Promise<Buffer> {
  const { body } = await post('/v1/text_to_video', { model, ...asked, ...(loras && { loras }) })
  for (let tries = 0; tries < 600; tries++) {
    const task = (await (await fetch(`${server.url}/v1/tasks/${body.id}`)).json()) as Record<string, unknown>
    if (task.status === 'FAILED') throw new Error(JSON.stringify(task))
    if (task.status === 'SUCCEEDED') {
      const path = join(folder, `${++clips}.mp4`)
      const video = await fetch((task.output as string[])[0]!)
      await writeFile(path, Buffer.from(await video.arrayBuffer()))
      latest = path
      return await pixelsOf(path)
    }
    await wait(50)
  }
  throw new Error(`the task did not end: ${JSON.stringify(body)}`)
}

/** The same video by an engine here. */
async function made(adapters: readonly { path: string; scale?: number }[]): Promise<Buffer> {
  await using engine = await createEngine({ model, device: 'cpu', threads: 1, adapters })
  const request: GenerateRequest = {
    prompt: 'a cat',
    negativePrompt: '',
    ...{ width: 32, height: 32, frames: 5, fps: 16 },
    ...{ steps: 2, guidance: 4, seed: 5 },
  }
  const path = join(folder, `${++clips}.mp4`)
  for await (const _ of renderVideo(engine, request, { path, model, version: '0' }));
  return await pixelsOf(path)
}

describe('a video with adapters', () => {
  test('is the one of an engine with them, one request after the other', async () => {
    const plain = await served()
    expect(plain.equals(await made([]))).toBe(true)
    const one = await served([{ name: 'first' }])
    expect(one.equals(await made([{ path: first }]))).toBe(true)
    expect(one.equals(plain)).toBe(false)
    const both = await served([
      { name: 'first', scale: 0.5 },
      { name: 'second', scale: -0.5 },
    ])
    const expected = await made([
      { path: first, scale: 0.5 },
      { path: second, scale: -0.5 },
    ])
    expect(both.equals(expected)).toBe(true)
    const record = await readRecord(latest)
    expect(record?.adapters).toEqual([
      { path: 'first', scale: 0.5 },
      { path: 'second', scale: -0.5 },
    ])
    expect((await served()).equals(plain)).toBe(true)
    expect((await served([])).equals(plain)).toBe(true)
    expect((await served([{ name: 'second', scale: 0 }])).equals(plain)).toBe(true)
  })

  test('keeps them with its task, for a repeated attempt', async () => {
    const { body } = await post('/v1/videos', {
      ...{ model, prompt: 'a cat', size: '32x32', num_frames: 5, num_inference_steps: 1 },
      loras: JSON.stringify([{ name: 'second' }]),
    })
    const [task] = [...server.jobs.tasks.values()].slice(-1)
    expect(body.status).toBe('queued')
    expect(task!.request).toMatchObject({ model, adapters: [{ name: 'second', scale: 1 }] })
  })

  test("can be asked for as vLLM-Omni's clients do", async () => {
    const video = { model, prompt: 'a cat', width: 32, height: 32, num_frames: 5, num_inference_steps: 1 }
    const made = async (send: Promise<Response>) => {
      const { id } = (await (await send).json()) as { id: string }
      const { adapters } = server.jobs.tasks.get(id.replace('video_', ''))!.request
      await fetch(`${server.url}/v1/videos/${id}`, { method: 'DELETE' })
      return adapters
    }
    const json = (lora: unknown) =>
      made(
        fetch(`${server.url}/v1/videos`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...video, lora }),
        }),
      )
    const form = (name: string, value: string) => {
      const body = new FormData()
      for (const [field, each] of Object.entries(video)) body.append(field, String(each))
      body.append(name, value)
      return made(fetch(`${server.url}/v1/videos`, { method: 'POST', body }))
    }
    expect(await json({ name: 'first', scale: 0.5, int_id: 7 })).toEqual([{ name: 'first', scale: 0.5 }])
    expect(await json([{ adapter: 'first' }])).toEqual([{ name: 'first', scale: 1 }])
    const text = JSON.stringify({ lora_name: 'first', lora_scale: '0.25' })
    expect(await form('lora', text)).toEqual([{ name: 'first', scale: 0.25 }])
    expect(await form('lora[name]', 'first')).toEqual([{ name: 'first', scale: 1 }])
    expect(await form('loras[][name]', 'first')).toEqual([{ name: 'first', scale: 1 }])
  })

  test('is made again with them, from another prompt', async () => {
    const { body } = await post('/v1/videos', {
      ...{ model, prompt: 'a cat', size: '32x32', num_frames: 5, num_inference_steps: 1 },
      loras: [{ name: 'first', scale: 0.5 }],
    })
    await vi.waitFor(async () => {
      const video = (await (await fetch(`${server.url}/v1/videos/${body.id}`)).json()) as { status: string }
      expect(video.status).toBe('completed')
    }, 30_000)
    const remix = await post(`/v1/videos/${body.id}/remix`, { prompt: 'a dog' })
    expect(remix.body).toMatchObject({ remixed_from_video_id: body.id, prompt: 'a dog' })
    const [task] = [...server.jobs.tasks.values()].slice(-1)
    expect(task!.request).toMatchObject({ model, adapters: [{ name: 'first', scale: 0.5 }] })
  })

  test('is refused for one that is not there, with the names that are', async () => {
    const wrong = [{ name: 'first' }, { name: '../secret.safetensors' }]
    const { status, body } = await post('/v1/text_to_video', { model, ...asked, loras: wrong })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(
      'Expected an adapter of this model, first or second, got \\"../secret.safetensors\\".',
    )
    expect(JSON.stringify(body)).toContain('loras')
  })

  test('is refused for one of another model, named twice, or as strong as no adapter is', async () => {
    const doodle = { model: 'doodle', promptText: 'a ball', numInferenceSteps: 1 }
    const other = await post('/v1/text_to_video', { ...doodle, loras: [{ name: 'first' }] })
    expect([other.status, JSON.stringify(other.body)]).toEqual([
      400,
      expect.stringContaining('has no adapters here'),
    ])
    const names = [{ name: 'first' }, { name: 'first' }]
    expect((await post('/v1/text_to_video', { model, ...asked, loras: names })).status).toBe(400)
    const strong = [{ name: 'first', scale: 1e9 }]
    expect((await post('/v1/text_to_video', { model, ...asked, loras: strong })).status).toBe(400)
    const openai = await post('/v1/videos', { model, prompt: 'a cat', loras: [{ name: 'third' }] })
    expect([openai.status, JSON.stringify(openai.body)]).toEqual([
      400,
      expect.stringContaining('first or second'),
    ])
  })

  test('can be asked for by the names that the models list', async () => {
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as {
      data: { id: string; loras: string[] }[]
    }
    const lorasOf = (id: string) => data.find(each => each.id === id)!.loras
    expect([lorasOf(model), lorasOf('doodle')]).toEqual([['first', 'second'], []])
  })
})

test('a server does not start with a file that is no adapter of its models, or a name that cannot be', async () => {
  const open = async (models: readonly string[], adapters: Record<string, { path: string }>) => {
    await using _server = await startTestServer(join(folder, 'refused'), { catalogue: { models, adapters } })
  }
  await expect(open(['doodle'], { first: { path: first } })).rejects.toThrow(
    'The adapter is of another model',
  )
  await expect(open([model], { first: { path: join(folder, 'none.safetensors') } })).rejects.toThrow(
    'none.safetensors',
  )
  await expect(open([model], { 'a b': { path: first } })).rejects.toThrow('name of an adapter')
})
