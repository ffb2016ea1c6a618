/** A picture as the mask of a control video, through every way to ask for it: held over all frames. */
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEngine, type Engine, type GenerateRequest, generate, readVideo } from '../../src/index.ts'
import { seededModels, writeSeededModel, writeSeededPicture } from '../parity/seeded-models.ts'
import { failure, scratchFolder } from '../scratch.ts'
import { framewright } from './run-cli.ts'

const folder = scratchFolder()
const model = path.join(folder, 'vace')
const size = { width: 32, height: 32 }
const request = { prompt: 'a cat', ...size, frames: 5, steps: 1, guidance: 1, maxTextTokens: 64, seed: 11 }
const at = (name: string) => path.join(folder, name)

beforeAll(async () => {
  await writeSeededModel(model, seededModels()['wan21-vace']!)
  await writeFolder('video', [0, 1, 2, 3, 4], false)
  await writeFolder('clip', [5, 5, 5, 5, 5], true)
  await writeFolder('two', [5, 6], true)
  await writeFolder('one', [5], true)
  await sharp(at('one/0.png')).webp({ lossless: true }).toFile(at('mask.webp'))
})

async function writeFolder(name: string, numbers: readonly number[], mask: boolean): Promise<void> {
  mkdirSync(at(name))
  for (const [index, number] of numbers.entries()) {
    await writeSeededPicture(at(`${name}/${index}.png`), number, { ...size, mask })
  }
}

async function made(engine: Engine, fields: Partial<GenerateRequest>): Promise<Buffer> {
  const frames: Uint8Array[] = []
  for await (const event of engine.generate({ ...request, ...fields })) {
    if (event.type === 'frames-decoded') frames.push(event.frames)
  }
  return Buffer.concat(frames)
}

describe('a mask', () => {
  test('that is one picture is held over all frames', async () => {
    await using engine = await createEngine({ model, device: 'cpu', threads: 1 })
    const video = at('video')
    const clip = await made(engine, { video, mask: at('clip') })
    for (const mask of ['one/0.png', 'mask.webp', 'one']) {
      expect((await made(engine, { video, mask: at(mask) })).equals(clip), mask).toBe(true)
    }
    expect((await made(engine, { video })).equals(clip)).toBe(false)
    expect((await made(engine, { video, mask: at('video/0.png') })).equals(clip)).toBe(false)
  })

  test('of fewer frames than the clip is refused, and so is a picture as the control video', async () => {
    await using engine = await createEngine({ model, device: 'cpu', threads: 1 })
    const two = await failure(made(engine, { video: at('video'), mask: at('two') }))
    expect(two.message).toMatch(/two: expected 5 frames, as many as are to be made, got 2\./)
    const still = await failure(made(engine, { video: at('one/0.png') }))
    expect(still.message).toMatch(/expected (?:a video|5 frames).*got a picture\./)
  })

  test('is a picture for the command line and for the library too', async () => {
    const words = ['--size', '32x32', '--frames', '5', '--steps', '1', '--guidance', '1', '--seed', '11']
    const flags = ['--model', model, '--threads', '1', '--device', 'cpu', '--max-text-tokens', '64', ...words]
    const run = async (mask: string, output: string) =>
      await framewright(folder, [
        'generate',
        'a cat',
        ...flags,
        ...['--video', 'video', '--mask', mask, '-o', output, '--quiet'],
      ])
    expect(await run('one/0.png', 'still/')).toMatchObject({ code: 0 })
    expect(await run('clip', 'whole/')).toMatchObject({ code: 0 })
    const whole = await framesOf(at('whole'))
    expect(whole).toHaveLength(5)
    expect(await framesOf(at('still'))).toEqual(whole)
    const events = generate({
      ...request,
      model,
      device: 'cpu',
      threads: 1,
      video: at('video'),
      mask: readFileSync(at('one/0.png')),
      output: at('library/'),
    })
    for await (const event of events) void event
    expect(await framesOf(at('library'))).toEqual(whole)
  })
})

async function framesOf(clip: string): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for await (const data of (await readVideo(clip)).frames) frames.push(data.slice())
  return frames
}
