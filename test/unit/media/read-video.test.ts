import { readFile, writeFile } from 'node:fs/promises'
import type { Rotation, VideoCodec } from 'mediabunny'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { loadCodecs } from '../../../src/media/mediabunny.ts'
import { repetitions } from '../../../src/media/read-animation.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { rgbToYuv } from '../../../src/media/rgb-to-yuv.ts'
import {
  collect,
  colours,
  discFrames,
  flatFrames,
  largestDifference,
  record,
  temporaryFolder,
  writeClip,
} from './clip-samples.ts'

const folder = temporaryFolder()
const size = { width: 64, height: 64, fps: 8 }

/** A clip as another program would make it: any codec, MOV, with a rotation or wide pixels. */
async function foreignClip(
  name: string,
  codec: VideoCodec,
  options: { rotation?: Rotation; wide?: boolean } = {},
) {
  const mediabunny = await loadCodecs('media/output')
  const target = new mediabunny.BufferTarget()
  const output = new mediabunny.Output({ format: new mediabunny.MovOutputFormat(), target })
  const quality = new mediabunny.Quality({ bitrate: 4_000_000 })
  const source = new mediabunny.VideoSampleSource({ codec, quality, hardwareAcceleration: 'prefer-software' })
  output.addVideoTrack(source, { frameRate: 8, rotation: options.rotation ?? 0 })
  await output.start()
  for (let frame = 0; frame < 4; frame++) {
    const rgb = flatFrames(4, 64, 32).subarray(frame * 64 * 32 * 3, (frame + 1) * 64 * 32 * 3)
    for (let row = 0; row < 32; row++) rgb.fill(255, row * 192, row * 192 + 48) // White at the left.
    const sample = new mediabunny.VideoSample(rgbToYuv(rgb, 64, 32), {
      format: 'I420',
      codedWidth: 64,
      codedHeight: 32,
      timestamp: frame / 8,
      duration: 1 / 8,
      ...(options.wide && { displayWidth: 128, displayHeight: 32 }),
      colorSpace: { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false },
    })
    await source.add(sample)
    sample.close()
  }
  await output.finalize()
  await writeFile(folder.path + name, new Uint8Array(target.buffer!))
  return folder.path + name
}

describe('reading a movie of another program', () => {
  // AV1 is read back in the tests of the writer: its encoder refuses pictures as small as these.
  it.each(['avc', 'hevc', 'vp9', 'prores'] as const)('gives the colours of %s in MOV', async codec => {
    // What does not say its colours is taken for BT.601 at this height, though it was made as BT.709.
    const tolerance = codec === 'prores' ? 45 : 45
    const video = await readVideo(await foreignClip(`${codec}.mov`, codec))
    expect([video.width, video.height, video.fps]).toEqual([64, 32, 8])
    const frames = await collect(video.frames)
    expect(frames.length).toBe(4)
    frames.forEach((frame, index) => {
      expect(largestDifference(frame.subarray(-3), colours[index]!)).toBeLessThanOrEqual(tolerance)
      expect(largestDifference(frame.subarray(0, 3), [255, 255, 255])).toBeLessThanOrEqual(4)
    })
  })

  it.each([
    [90, [32, 64], 'top'],
    [180, [64, 32], 'right'],
    [270, [32, 64], 'bottom'],
  ] as const)(
    'turns frames by the %d degrees that the file asks for',
    async (rotation, dimensions, whiteSide) => {
      const video = await readVideo(await foreignClip(`rotated-${rotation}.mov`, 'avc', { rotation }))
      expect([video.width, video.height]).toEqual(dimensions)
      for await (const frame of video.frames) {
        const at = (x: number, y: number) => (y * video.width + x) * 3
        const [right, bottom] = [video.width - 3, video.height - 3]
        const middle = [video.width >> 1, video.height >> 1] as const
        const side = { top: at(middle[0], 2), right: at(right, middle[1]), bottom: at(middle[0], bottom) }[
          whiteSide
        ]
        expect(largestDifference(frame.subarray(side, side + 3), [255, 255, 255])).toBeLessThanOrEqual(6)
        break
      }
    },
  )

  it('makes pixels square', async () => {
    const video = await readVideo(await foreignClip('wide.mov', 'avc', { wide: true }))
    expect([video.width, video.height]).toEqual([128, 32])
    for await (const frame of video.frames) expect(frame.length).toBe(128 * 32 * 3)
  })
})

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
    await expect(readVideo(`${folder.path}zero.mp4`)).rejects.toThrow('got an empty file.')
    await expect(readVideo(new URL('.', import.meta.url).pathname)).rejects.toThrow(
      'expected a folder with pictures, got none in it.',
    )
  })

  it('refuses a file with sound alone', async () => {
    const mediabunny = await loadCodecs('media/output')
    const target = new mediabunny.BufferTarget()
    const output = new mediabunny.Output({ format: new mediabunny.Mp4OutputFormat(), target })
    const source = new mediabunny.AudioSampleSource({
      codec: 'aac',
      quality: new mediabunny.Quality('medium'),
    })
    output.addAudioTrack(source)
    await output.start()
    const data = new Float32Array(48_000)
    const sample = { data, format: 'f32' as const, numberOfChannels: 1, sampleRate: 48_000, timestamp: 0 }
    await source.add(new mediabunny.AudioSample(sample))
    await output.finalize()
    await writeFile(`${folder.path}sound.mp4`, new Uint8Array(target.buffer!))
    await expect(readVideo(`${folder.path}sound.mp4`)).rejects.toThrow(
      'expected a file with video, got one without.',
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

describe('an animation', () => {
  it('repeats a picture that is shown longer', async () => {
    const path = `${folder.path}slow.gif`
    const frames = flatFrames(3, 8, 8)
    const raw = { width: 8, height: 24, channels: 3 as const, pageHeight: 8 }
    await sharp(frames, { raw })
      .gif({ delay: [100, 300, 100] })
      .toFile(path)
    const video = await readVideo(path)
    expect(video.fps).toBe(10)
    const first = (await collect(video.frames)).map(frame => Array.from(frame.subarray(0, 3)))
    expect(first).toEqual([colours[0], colours[1], colours[1], colours[1], colours[2]])
  })

  it('keeps as many frames as were written where its encoder merged equal ones', async () => {
    for (const name of ['still.gif', 'still.webp']) {
      const frames = Buffer.concat([...Array(9)].map(() => flatFrames(1, 64, 64)))
      await writeClip(frames, { path: folder.path + name, ...size, metadata: { ...record, frames: 9 } })
      expect((await collect((await readVideo(folder.path + name)).frames)).length).toBe(9)
    }
  })

  it('is longer than what is decoded at once', async () => {
    await writeClip(discFrames(70, 32, 16), {
      path: `${folder.path}many.webp`,
      width: 32,
      height: 16,
      fps: 8,
    })
    const frames = await collect((await readVideo(`${folder.path}many.webp`)).frames)
    expect(frames.length).toBe(70)
  })

  it.each([
    [[120, 130, 120, 130], undefined, [1, 1, 1, 1], 8],
    [[120, 1130], 8, [1, 9], 8],
    [[0, 0, 0], undefined, [1, 1, 1], 10],
    [[50], undefined, [1], undefined],
  ])('with the times %j and the rate %s shows its pictures for %j frames', (delays, known, counts, fps) => {
    expect(repetitions(delays, known)).toEqual({ counts, fps })
  })
})
