/** The library's short way, with the built-in model. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { generate, readRecord } from '../../src/index.ts'
import { failure, scratchFolder } from '../scratch.ts'

const folder = scratchFolder()
process.env.TMPDIR = folder
const quick = { prompt: 'a red ball', steps: 1, frames: 5, threads: 1, device: 'cpu', seed: 1 }

function temporaryFolders(): string[] {
  return readdirSync(folder).filter(name => name.startsWith('framewright-media-'))
}

test('makes a video of a prompt and a picture in memory with the model that ships, and leaves the file alone', async () => {
  const before = temporaryFolders()
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: 'blue' } })
  const output = join(folder, 'a.mp4')
  const types: string[] = []
  for await (const event of generate({ ...quick, image: picture, output })) types.push(event.type)
  expect(types[0]).toBe('start')
  expect(types.at(-1)).toBe('video-written')
  expect(readFileSync(output).subarray(4, 8).toString()).toBe('ftyp')
  expect(temporaryFolders()).toEqual(before)
})

test('records no path of its own for what was in memory, in the file and in notices', async () => {
  const wide = await sharp({ create: { width: 64, height: 32, channels: 3, background: 'blue' } })
    .png()
    .toBuffer()
  const lastImage = `data:image/png;base64,${wide.toString('base64')}`
  const output = join(folder, 'record.mp4')
  const said: string[] = []
  const request = { ...quick, image: wide, lastImage, width: 64, height: 64, output }
  for await (const event of generate(request)) if (event.type === 'notice') said.push(event.message)
  expect(await readRecord(output)).toMatchObject({ image: '(bytes)', lastImage: '(bytes)' })
  expect(said).toContain('(bytes): 64x32 is stretched to 64x64, which has another shape.')
  expect(said.join()).not.toContain(folder)
})

test('gives frames alone without an output, and frees what it opened when it is left early', async () => {
  const before = temporaryFolders()
  const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'blue' } })
    .png()
    .toBuffer()
  for await (const event of generate({ ...quick, image })) {
    expect(event.type).toBe('start')
    break
  }
  expect(temporaryFolders()).toEqual(before)
})

test('refuses a wrong output before anything is opened', async () => {
  const output = join(folder, 'a.avi')
  const { code } = await failure(generate({ ...quick, output }).next() as Promise<unknown>)
  expect(code).toBe('media/output')
  expect(existsSync(output)).toBe(false)
})

test.each<[options: unknown, message: string]>([
  [undefined, 'options: expected an object, got undefined.'],
  [null, 'options: expected an object, got null.'],
  [{ ...quick, model: 7 }, 'model: expected text, got 7.'],
  [{ ...quick, output: { path: 'a.mp4' } }, 'output: expected text, got an object.'],
  [{ ...quick, signal: new AbortController() }, 'signal: expected an AbortSignal, got an object.'],
])('says what %j has of another type', async (options, message) => {
  const error = await failure(generate(options as never).next())
  expect(error).toMatchObject({ code: 'request/invalid', message })
})
