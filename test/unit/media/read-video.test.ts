import { readFile, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readVideo } from '../../../src/media/read-video.ts'
import { collect, discFrames, flatFrames, record, temporaryFolder, writeClip } from './clip-samples.ts'

const folder = temporaryFolder()
const size = { width: 64, height: 64, fps: 8 }

describe('reading a video', () => {
  it.each(['again.mp4', 'again.webm', 'again.gif', 'again.webp', 'again/'])(
    'may be done twice, and stops after the frames that are wanted: %s',
    async name => {
      await writeClip(discFrames(9, 64, 64), { path: folder.path + name, ...size })
      const video = await readVideo(folder.path + name, { maxFrames: 4 })
      const [first, second] = [await collect(video.frames), await collect(video.frames)]
      expect(first.length).toBe(4)
      expect(Buffer.concat(first).equals(Buffer.concat(second))).toBe(true)
      expect(await collect((await readVideo(folder.path + name, { maxFrames: 0 })).frames)).toEqual([])
    },
  )

  it.each(['signal.mp4', 'signal.gif', 'signal/'])(
    'ends with a CancelledError when it is aborted: %s',
    async name => {
      await writeClip(discFrames(9, 64, 64), { path: folder.path + name, ...size })
      const controller = new AbortController()
      const video = await readVideo(folder.path + name, { signal: controller.signal })
      const reading = (async () => {
        for await (const _ of video.frames) controller.abort()
      })()
      await expect(reading).rejects.toMatchObject({ code: 'cancelled' })
    },
  )

  it.each(['one.mp4', 'one.webm', 'one.gif', 'one.webp', 'one/'])(
    'may have a single frame: %s',
    async name => {
      await writeClip(discFrames(1, 64, 64), { path: folder.path + name, ...size })
      const video = await readVideo(folder.path + name)
      expect(video.fps).toBeUndefined()
      expect((await collect(video.frames)).length).toBe(1)
    },
  )

  it.each(['cut.mp4', 'cut.webm', 'cut.gif', 'cut.webp'])(
    'reports a file that was cut off anywhere: %s',
    async name => {
      await writeClip(discFrames(9, 64, 64), {
        path: `${folder.path}whole-${name}`,
        ...size,
        metadata: record,
      })
      const whole = await readFile(`${folder.path}whole-${name}`)
      for (const part of [0.02, 0.2, 0.5, 0.8, 0.98]) {
        await writeFile(folder.path + name, whole.subarray(0, whole.length * part))
        const reading = readVideo(folder.path + name).then(video => collect(video.frames))
        await expect(reading).rejects.toMatchObject({ name: 'MediaError', code: 'media/input' })
      }
    },
  )

  it.each(['noise.mp4', 'noise.webm', 'noise.gif', 'noise.webp'])(
    'gives frames or a MediaError, and nothing else, when bytes of the file are wrong: %s',
    async name => {
      await writeClip(discFrames(9, 64, 64), { path: `${folder.path}whole-${name}`, ...size })
      const whole = await readFile(`${folder.path}whole-${name}`)
      for (let seed = 1; seed <= 12; seed++) {
        const wrong = Buffer.from(whole)
        for (let at = seed * 37; at < wrong.length; at += 97 + seed)
          wrong[at] = (wrong[at]! + at * seed) & 255
        await writeFile(folder.path + name, wrong)
        const outcome = await readVideo(folder.path + name)
          .then(video => collect(video.frames))
          .catch(error => error)
        if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ code: 'media/input' })
      }
    },
  )

  it('refuses pictures, empty files and folders without pictures', async () => {
    await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } }).toFile(
      `${folder.path}still.png`,
    )
    await writeFile(`${folder.path}zero.mp4`, '')
    await expect(readVideo(`${folder.path}still.png`)).rejects.toThrow(
      'expected a video (MP4, MOV, WebM, GIF) or a folder of pictures, got a picture (PNG).',
    )
    await expect(readVideo(`${folder.path}zero.mp4`)).rejects.toThrow(
      'got an empty file. Copy or save it again.',
    )
    await expect(readVideo(new URL('.', import.meta.url).pathname)).rejects.toThrow(
      'expected a folder with pictures, got none in it.',
    )
  })
})

describe('reading a folder', () => {
  it('takes pictures in the order of their numbers, and no other files', async () => {
    const path = `${folder.path}numbered/`
    await writeClip(flatFrames(1, 4, 4), { path, width: 4, height: 4, fps: 8 })
    const flat = (background: string) => sharp({ create: { width: 4, height: 4, channels: 3, background } })
    await flat('#00f').toFile(`${path}10.png`)
    await flat('#0f0').toFile(`${path}2.png`)
    await writeFile(`${path}notes.txt`, '')
    const frames = await collect((await readVideo(path)).frames)
    expect(frames.map(frame => Array.from(frame.subarray(0, 3)))).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ])
  })

  it('refuses pictures of different sizes', async () => {
    const path = `${folder.path}sizes/`
    await writeClip(flatFrames(1, 4, 4), { path, width: 4, height: 4, fps: 8 })
    await sharp({ create: { width: 5, height: 4, channels: 3, background: '#888' } }).toFile(`${path}1.png`)
    await expect(collect((await readVideo(path)).frames)).rejects.toThrow(
      '1.png: expected 4x4, as the first picture of the folder, got 5x4.',
    )
  })
})
