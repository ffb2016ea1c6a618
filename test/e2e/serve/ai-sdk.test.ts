/** The AI SDK, as it is published, with our provider against a server with the built-in model. */
import { createHash } from 'node:crypto'
import { experimental_generateVideo as generateVideo } from 'ai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createFramewright,
  type FramewrightProvider,
  type VideoCallOptions,
} from '../../../src/ai-sdk/index.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let provider: FramewrightProvider
beforeAll(async () => {
  server = await startTestServer(scratchFolder(), { secrets: { sesame: {} } })
  provider = createFramewright({ baseURL: `${server.url}/v1`, apiKey: 'sesame' })
})
afterAll(() => server[Symbol.asyncDispose]())

const quick = { framewright: { num_inference_steps: 2, num_frames: 5 } }

async function picture(background: string): Promise<Uint8Array> {
  const png = await sharp({ create: { width: 64, height: 64, channels: 3, background } })
    .png()
    .toBuffer()
  return new Uint8Array(png)
}

describe('generateVideo', () => {
  test('gives the bytes of a video, and how to make it again', async () => {
    const result = await generateVideo({
      model: provider('doodle'),
      prompt: 'a red ball',
      aspectRatio: '16:9',
      seed: 3,
      providerOptions: quick,
    })
    expect(result.video.mediaType).toBe('video/mp4')
    expect(Buffer.from(result.video.uint8Array).toString('latin1', 4, 8)).toBe('ftyp')
    expect(result.providerMetadata.framewright?.videos).toMatchObject([{ seed: '3', size: '80x48' }])
    // What the server has made of the call.
    expect(result.warnings).toContainEqual({
      type: 'other',
      message: 'size: 1280x720 is made as 80x48, which the model can make.',
    })
  })

  test('starts from a picture, and says what it cannot do', async () => {
    const result = await generateVideo({
      model: provider.videoModel('gen4.5'),
      prompt: { text: 'a picture', image: await picture('#d02020') },
      generateAudio: true,
      providerOptions: quick,
    })
    expect(result.warnings[0]).toMatchObject({ type: 'unsupported', feature: 'generateAudio' })
    expect(result.providerMetadata.framewright?.videos).toMatchObject([{ audio: null }])
  })

  test('makes several different videos of one seed, the first as alone', async () => {
    const make = async (n: number) => {
      const result = await generateVideo({
        model: provider('doodle'),
        prompt: 'a red ball',
        n,
        seed: 40,
        providerOptions: { framewright: { num_inference_steps: 1, num_frames: 5, width: 32, height: 32 } },
      })
      const bytes = result.videos.map(({ uint8Array }) =>
        createHash('sha256').update(uint8Array).digest('hex'),
      )
      const facts = result.providerMetadata.framewright?.videos as { seed: string }[]
      return { bytes, seeds: facts.map(({ seed }) => seed) }
    }
    const three = await make(3)
    expect(three.seeds).toEqual(['40', '41', '42'])
    expect(new Set(three.bytes).size).toBe(3)
    expect((await make(1)).seeds).toEqual(['40'])
  })

  test('needs no text beside a picture', async () => {
    const result = await generateVideo({
      model: provider('doodle'),
      prompt: { image: await picture('#20d020') },
      providerOptions: quick,
    })
    expect(result.video.mediaType).toBe('video/mp4')
  })

  test('goes on when the server is away for a while', async () => {
    const troubles: string[] = []
    const once = (trouble: string) => !troubles.includes(trouble) && troubles.push(trouble)
    // A refused connection, the answer of a proxy without its server, and a file that breaks off.
    const flaky: typeof fetch = async (input, init) => {
      if (init?.method !== 'GET') return await fetch(input, init)
      if (once('refused')) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
      if (once('proxy')) return new Response('<html>Bad Gateway</html>', { status: 502 })
      if (!String(input).endsWith('/content') || !once('broken')) return await fetch(input, init)
      return new Response(new ReadableStream({ start: stream => stream.error(new Error('terminated')) }))
    }
    const patient = createFramewright({ baseURL: `${server.url}/v1`, apiKey: 'sesame', fetch: flaky })
    const result = await generateVideo({
      model: patient('doodle'),
      prompt: 'a patient ball',
      providerOptions: quick,
      maxRetries: 0,
    })
    expect(Buffer.from(result.video.uint8Array).toString('latin1', 4, 8)).toBe('ftyp')
    expect(troubles).toEqual(['refused', 'proxy', 'broken'])
  })

  test('gives up on a server that stays away, and at once on what the server refuses', async () => {
    let gone = false
    const leaving: typeof fetch = async (input, init) => {
      if (gone) throw new TypeError('fetch failed')
      gone = init?.method === 'POST'
      return await fetch(input, init)
    }
    const options = { baseURL: `${server.url}/v1`, apiKey: 'sesame', fetch: leaving, patienceSeconds: 0.5 }
    const model = createFramewright(options)('doodle')
    const started = performance.now()
    await expect(
      generateVideo({ model, prompt: 'a ball', providerOptions: quick, maxRetries: 0 }),
    ).rejects.toThrow('fetch failed')
    expect(performance.now() - started).toBeLessThan(20_000)
    for (const { id } of server.jobs.tasks.values()) await server.jobs.cancel(id)
    const v4 = provider.videoModelV4('doodle')
    const operation = { ids: ['video_00000000-0000-4000-8000-000000000000'] }
    await expect(v4.doStatus({ operation })).rejects.toThrow('No such task.')
  })

  test('fails with what the server says', async () => {
    const make = (model: string) =>
      generateVideo({ model: provider(model), prompt: 'x', providerOptions: quick, maxRetries: 0 })
    await expect(make('no-such-model')).rejects.toThrow(/Expected a model of sora-2/)
    const stranger = createFramewright({ baseURL: `${server.url}/v1`, apiKey: 'wrong' })
    await expect(generateVideo({ model: stranger('doodle'), prompt: 'x', maxRetries: 0 })).rejects.toThrow(
      'Wrong API key.',
    )
  })

  test('that is aborted leaves nothing running', async () => {
    const abort = new AbortController()
    const made = generateVideo({
      model: provider('doodle'),
      prompt: 'a slow ball',
      abortSignal: abort.signal,
      providerOptions: { framewright: { num_inference_steps: 900 } },
    })
    const refused = expect(made).rejects.toThrow()
    while (![...server.jobs.tasks.values()].some(({ state }) => state === 'running')) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    abort.abort()
    await refused
    expect([...server.jobs.tasks.values()].filter(({ state }) => state === 'running')).toEqual([])
  })
})

const call: VideoCallOptions = {
  prompt: 'two pictures',
  n: 1,
  aspectRatio: '1:1',
  resolution: undefined,
  duration: undefined,
  fps: undefined,
  seed: 1,
  image: undefined,
  frameImages: undefined,
  inputReferences: undefined,
  generateAudio: undefined,
  providerOptions: quick,
}

test('a model of version 4 starts a video and is asked for it, with a first and a last frame', async () => {
  const model = provider.videoModelV4('doodle')
  const frame = async (frameType: 'first_frame' | 'last_frame', colour: string) => {
    return {
      frameType,
      image: { type: 'file', mediaType: 'image/png', data: await picture(colour) },
    } as const
  }
  const frameImages = [await frame('first_frame', '#d02020'), await frame('last_frame', '#2020d0')]
  const { operation } = await model.doStart({ ...call, frameImages, generateAudio: true })
  const stored: unknown = JSON.parse(JSON.stringify(operation))
  expect(stored).toEqual(operation)
  for (let tries = 0; ; tries++) {
    const found = await model.doStatus({ operation })
    if (found.status === 'completed') {
      expect(Buffer.from(found.videos[0]!.data).toString('latin1', 4, 8)).toBe('ftyp')
      expect(found.warnings).toContainEqual({
        type: 'unsupported',
        feature: 'generateAudio',
        details: 'The model makes no sound.',
      })
      return
    }
    expect(found.status).toBe('pending')
    expect(tries).toBeLessThan(500)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
})

test('a video that is to be silent is asked for as one', async () => {
  const before = new Set(server.jobs.tasks.keys())
  await provider.videoModelV4('doodle').doStart({ ...call, generateAudio: false })
  const [made, ...more] = [...server.jobs.tasks.values()].filter(({ id }) => !before.has(id))
  expect(more).toEqual([])
  expect(made!.request.generate).toMatchObject({ audio: false })
})
