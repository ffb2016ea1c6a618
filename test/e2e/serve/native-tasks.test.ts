/** The interface in the engine's own fields, which the Studio is made with. */
import { readFile, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readVideo } from '../../../src/index.ts'
import { probeSound } from '../../../src/media/sound/read-sound.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import type { Capabilities, TaskList, TaskPlan, TaskView } from '../../../src/server/framewright/contract.ts'
import { createSigner } from '../../../src/server/http/signature.ts'
import { videoObject } from '../../../src/server/openai/video-object.ts'
import { scratchFolder } from '../../scratch.ts'
import { flatFrames } from '../../unit/media/clip-samples.ts'
import { glidingTones } from '../../unit/media/sound/sound-samples.ts'
import { startKeyedServer } from './keyed-server.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const small = { width: 32, height: 32, frames: 5, steps: 2 }

let server: TestServer
beforeAll(async () => {
  server = await startTestServer(scratchFolder(), { devices: ['cpu'] })
})
afterAll(async () => await server[Symbol.asyncDispose]())

async function call<T = Record<string, unknown>>(
  path: string,
  body?: object,
  method = body ? 'POST' : 'GET',
) {
  const headers: Record<string, string> =
    body instanceof FormData ? {} : { 'content-type': 'application/json' }
  const sent = body instanceof FormData ? body : body && JSON.stringify(body)
  const response = await fetch(server.url + path, { method, headers, ...(sent && { body: sent }) })
  const text = await response.text()
  return { status: response.status, body: (text ? JSON.parse(text) : {}) as T }
}

async function made(request: object): Promise<TaskView> {
  const { status, body } = await call<TaskView>('/v1/tasks', {
    model: 'doodle',
    request: { ...small, ...request },
  })
  expect(body).toMatchObject({ state: 'queued' })
  expect(status).toBe(201)
  for await (const task of server.jobs.watch(body.id, new AbortController().signal)) void task
  return (await call<TaskView>(`/v1/tasks/${body.id}/details`)).body
}

const picture = async (background: string) => {
  const png = await sharp({ create: { width: 32, height: 32, channels: 3, background } })
    .png()
    .toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}

/** Five frames at 8 fps with half a second of tones. */
async function clipWithSound(): Promise<string> {
  const path = `${scratch}/tones.mp4`
  const tones = glidingTones(0.5, 44100)
  const format = { width: 32, height: 32, fps: 8, sound: { rate: tones.rate, channels: tones.channels } }
  const writer = await openVideoWriter({ path, ...format })
  await writer.writeSound(tones)
  await writer.write(flatFrames(5, 32, 32))
  await writer.finish()
  return `data:video/mp4;base64,${(await readFile(path)).toString('base64')}`
}

/** The mean colour of a frame of a task's file. */
async function colourOf(task: TaskView, frame: number): Promise<number[]> {
  const path = `${scratch}/${task.id}.mp4`
  await writeFile(path, Buffer.from(await (await fetch(task.outputs.video!)).arrayBuffer()))
  const video = await readVideo(path)
  let index = 0
  for await (const data of video.frames) {
    if (index++ !== frame) continue
    const sums = [0, 0, 0]
    data.forEach((value, at) => {
      sums[at % 3]! += value
    })
    return sums.map(sum => sum / (data.length / 3))
  }
  return []
}

const scratch = scratchFolder()

describe('a task in the engine’s own fields', () => {
  test('is made with all of them, and tells them again', async () => {
    const task = await made({ prompt: 'a red ball', seed: '18446744073709551615', guidance: 1, shift: 3 })
    expect(task).toMatchObject({
      state: 'succeeded',
      model: 'doodle',
      request: {
        ...small,
        prompt: 'a red ball',
        seed: '18446744073709551615',
        guidance: 1,
        shift: 3,
        fps: 8,
      },
      result: { width: 32, height: 32, frames: 5, seed: '18446744073709551615' },
      progress: { fraction: 1 },
    })
    const again = await made(task.request)
    const bytes = async ({ outputs }: TaskView) =>
      Buffer.from(await (await fetch(outputs.video!)).arrayBuffer())
    expect((await bytes(again)).equals(await bytes(task))).toBe(true)
  })

  test('holds pictures at its frames, and shows them with the task', async () => {
    const task = await made({
      prompt: 'colours',
      fit: 'crop',
      image: await picture('#f00000'),
      keyframes: [{ frame: 4, path: await picture('#0000f0'), strength: 1 }],
    })
    expect(task).toMatchObject({ state: 'succeeded' })
    const [red, , blue] = await colourOf(task, 0)
    expect(red).toBeGreaterThan(blue! + 60)
    const [redAtEnd, , blueAtEnd] = await colourOf(task, 4)
    expect(blueAtEnd).toBeGreaterThan(redAtEnd! + 60)
    const { image } = task.request as { image: string }
    expect(image).toMatch(new RegExp(`^task://${task.id}/`))
    const shown = await fetch(task.files[image]!)
    expect(shown.headers.get('content-type')).toBe('image/png')
    expect((await sharp(Buffer.from(await shown.arrayBuffer())).stats()).channels[0]!.mean).toBe(240)
    const forged = task.files[image]!.replace(/signature=\w/, 'signature=_')
    expect((await fetch(forged)).status).toBe(403)
  })

  test('goes on from another task, whose files stay when that one is deleted', async () => {
    const first = await made({ prompt: 'a ball', image: await picture('#00a000') })
    const { image } = first.request as { image: string }
    const next = await made({ prompt: 'a ball', frames: 4, extend: `task://${first.id}/video` })
    expect(next).toMatchObject({ state: 'succeeded', result: { frames: 9 } })
    const repeated = await call<TaskView>('/v1/tasks', {
      model: 'doodle',
      request: { ...small, prompt: 'a ball', image },
    })
    expect(repeated.status).toBe(201)
    await call(`/v1/tasks/${first.id}`, undefined, 'DELETE')
    for await (const task of server.jobs.watch(repeated.body.id, new AbortController().signal)) void task
    expect((await call<TaskView>(`/v1/tasks/${repeated.body.id}/details`)).body.state).toBe('succeeded')
    const gone = await call('/v1/tasks', { model: 'doodle', request: { prompt: '', image } })
    expect(gone).toMatchObject({ status: 400, body: { issues: [{ path: ['request', 'image'] }] } })
  })

  test.each([
    ['has the sound of the video it starts from', {}, { rate: 44100, channels: 2, origin: 'kept' }],
    ['is silent where that is asked for', { audio: false }, undefined],
  ])('%s, and says which in every API', async (_, request, sound) => {
    const task = await made({ prompt: 'a ball', strength: 0.5, video: await clipWithSound(), ...request })
    const facts = sound && { ...sound, seconds: 0.5 }
    expect(task).toMatchObject({ state: 'succeeded' })
    expect(task.result!.sound).toEqual(facts)
    expect((await call(`/v1/tasks/${task.id}`)).body.audio).toEqual(facts ?? null)
    const book = {
      signer: createSigner(Buffer.alloc(32)),
      settings: { outputHours: 1, lanes: 1 },
      address: server.url,
    }
    const record = (await server.jobs.get(task.id))!
    expect(videoObject(book, record)).toMatchObject({ audio: facts ?? null })
    const path = `${scratch}/${task.id}-sound.mp4`
    await writeFile(path, Buffer.from(await (await fetch(task.outputs.video!)).arrayBuffer()))
    const { rate, channels } = (await probeSound(path)) ?? {}
    expect({ rate, channels }).toEqual({ rate: sound?.rate, channels: sound?.channels })
  })

  test.each([
    [{ prompt: 'a', width: 33 }, ['request', 'width']],
    [{ prompt: 'a', steps: 0 }, ['request', 'steps']],
    [{ prompt: 'a', keyframes: [{ frame: 99, path: 'x.png' }] }, undefined],
    [
      { prompt: 'a', keyframes: [{ frame: 1, path: 'runway://nothing' }] },
      ['request', 'keyframes', 0, 'path'],
    ],
    [{ prompt: 'a', mask: 'x.png', video: 'y.mp4' }, undefined],
    [{ prompt: 'a', latents: '/etc/passwd', strength: 1 }, undefined],
    [{ prompt: 'a', unknown: 1 }, undefined],
    [{ prompt: 'a', image: '/etc/passwd' }, ['request', 'image']],
    [{ prompt: 'a', audio: 'inputs/00000000-0000-4000-8000-000000000000' }, ['request', 'audio']],
    [{ prompt: 'a', image: 'task://00000000-0000-4000-8000-000000000000/video' }, ['request', 'image']],
  ])('that cannot be made is refused with the field: %j', async (request, path) => {
    const { status, body } = await call<{ issues: { path: unknown }[] }>('/v1/tasks', {
      model: 'doodle',
      request,
    })
    expect(status).toBe(400)
    if (path) expect(body.issues.map(issue => issue.path)).toContainEqual(path)
  })

  test('is of a model of the server', async () => {
    const { status, body } = await call<{ issues: object[] }>('/v1/tasks', {
      model: 'sora-2',
      request: { prompt: 'a' },
    })
    expect({ status, body }).toMatchObject({ status: 400, body: { issues: [{ path: ['model'] }] } })
  })
})

describe('the plan of a task', () => {
  test('says size, memory, time and the command, and makes nothing', async () => {
    const before = (await call<TaskList>('/v1/tasks')).body.tasks.length
    const request = {
      ...small,
      prompt: "a ball's bounce",
      seed: '7',
      keyframes: [{ frame: 2, path: 'ball.png', strength: 0.5 }],
    }
    const { status, body } = await call<TaskPlan>('/v1/tasks/plan', { model: 'doodle', request })
    expect(status).toBe(200)
    expect(body).toMatchObject({ ...small, fps: 8, memory: { device: 'cpu', fits: true } })
    expect(body.memory!.bytes).toBeGreaterThan(10e6)
    expect(body.seconds).toBeGreaterThan(0)
    expect(body.command).toBe(
      "framewright generate --model doodle --steps 2 --seed 7 --size 32x32 --frames 5 --keyframe 2:ball.png:0.5 'a ball'\\''s bounce'",
    )
    expect((await call<TaskList>('/v1/tasks')).body.tasks).toHaveLength(before)
  })

  test('knows no time before the first video of a model', async () => {
    await using keyed = await startKeyedServer(scratchFolder())
    const plan = await keyed.post('/v1/tasks/plan', { model: 'doodle', request: { prompt: 'a' } })
    expect(plan).toMatchObject({ status: 200, body: { width: 64, height: 64, frames: 17 } })
    expect(plan.body).not.toHaveProperty('seconds')
  })
})

test('capabilities say what forms are made of', async () => {
  const { body } = await call<Capabilities>('/v1/capabilities')
  expect(body.models).toMatchObject([
    {
      name: 'doodle',
      extends: true,
      sizes: { width: { first: 16, step: 16, last: 1024 } },
      defaults: { frames: 17 },
    },
  ])
  expect(body.priority).toEqual({ min: -10, max: 10 })
  expect(body.models[0]!.modes).toContain('keyframes')
  expect(body.models[0]!.fields).toEqual(expect.arrayContaining(['steps', 'keyframes', 'extend', 'audio']))
  // Of models with control, a second expert, and of another family.
  for (const name of ['mask', 'controlScale', 'guidance2', 'decodeTimestep', 'latents', 'preset'])
    expect(body.models[0]!.fields).not.toContain(name)
  // Those of its family are for the published networks.
  expect(body.models[0]!.presets).toEqual([])
  expect(body.fields.filter(({ file }) => file).map(({ name, file }) => [name, file])).toEqual([
    ['image', 'image'],
    ['lastImage', 'image'],
    ['keyframes', 'either'],
    ['video', 'video'],
    ['mask', 'either'],
    ['references', 'image'],
    ['extend', 'video'],
  ])
  expect(body.fields.find(({ name }) => name === 'audio')).toMatchObject({ schema: { type: 'boolean' } })
  expect(body.fields.find(({ name }) => name === 'steps')).toMatchObject({
    about: 'denoising steps (default: the model’s)',
    flag: '--steps',
    schema: { type: 'integer', minimum: 1, maximum: 1000 },
  })
  expect(body.fields.map(({ name }) => name)).not.toContain('latents')
})

test('the record of a file is read from it, and only from one that has it', async () => {
  const task = await made({ prompt: 'a record', seed: 5 })
  const form = (bytes: Blob) => {
    const data = new FormData()
    data.append('file', bytes, 'a.mp4')
    return data
  }
  const file = await (await fetch(task.outputs.video!)).blob()
  expect(await call('/v1/records', form(file))).toMatchObject({
    status: 200,
    body: { prompt: 'a record', seed: '5', model: 'doodle', ...small },
  })
  const foreign = new Blob([await readFile('test/fixtures/media/odd.mp4')])
  expect(await call('/v1/records', form(foreign))).toMatchObject({ status: 422 })
  expect((await call('/v1/records', form(new Blob(['no video'.repeat(100)])))).status).toBe(400)
})

describe('tasks of an owner', () => {
  test('are listed page by page, by state and by words', async () => {
    await using keyed = await startKeyedServer(scratchFolder())
    for (const prompt of ['one cat', 'two dogs', 'three cats']) {
      await keyed.post('/v1/tasks', { model: 'doodle', request: { ...small, prompt } })
    }
    await keyed.post('/v1/tasks', { model: 'doodle', request: { ...small, prompt: 'a cat of Bob' } }, 'bob')
    const list = async (query: string) => (await keyed.call(`/v1/tasks?${query}`)).body as unknown as TaskList
    const prompts = ({ tasks }: TaskList) => tasks.map(({ request }) => request.prompt)
    expect(prompts(await list('search=CAT'))).toEqual(['three cats', 'one cat'])
    expect(prompts(await list('states=succeeded'))).toEqual([])
    const first = await list('limit=2')
    expect(prompts(first)).toEqual(['three cats', 'two dogs'])
    const second = await list(`limit=2&after=${first.next}`)
    expect(prompts(second)).toEqual(['one cat'])
    expect(second.next).toBeUndefined()
    for (let count = 0; count < 97; count++) {
      await keyed.post('/v1/tasks', { model: 'doodle', request: { ...small, prompt: `ball ${count}` } })
    }
    const all = await list('limit=100')
    expect(all.tasks).toHaveLength(100)
    expect(all.next).toBeUndefined()
    expect((await list('limit=99')).next).toBe(all.tasks[98]!.id)
  })

  test('are told in one stream, with previews', async () => {
    const stop = new AbortController()
    const response = await fetch(`${server.url}/v1/events`, { signal: stop.signal })
    const task = await made({ prompt: 'told', steps: 3 })
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (text.includes('"state":"succeeded"')) break
    }
    stop.abort()
    expect(text).toMatch(new RegExp(`^event: task\\ndata: \\{"id":"${task.id}","state":"queued"`, 'm'))
    expect(text).toMatch(new RegExp(`^event: preview\\ndata: \\{"id":"${task.id}","step":\\d,"jpeg":"`, 'm'))
  })
})
