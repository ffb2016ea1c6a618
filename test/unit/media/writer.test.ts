import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { openAnimation } from '../../../src/media/animation.ts'
import { readRecord } from '../../../src/media/read-record.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { rgbToYuv } from '../../../src/media/rgb-to-yuv.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import { lumaWeights, yuvToRgb } from '../../../src/media/yuv-to-rgb.ts'
import { largestDifference } from '../../compare.ts'
import { collect, discFrames, flatFrames, psnr, record, temporaryFolder, writeClip } from './clip-samples.ts'

const folder = temporaryFolder()
const size = { width: 64, height: 64, fps: 8 }
const frameBytes = 64 * 64 * 3

const formats = [
  { name: 'clip.mp4', codec: undefined },
  { name: 'clip.webm', codec: undefined },
  { name: 'av1.webm', codec: 'av1' },
  { name: 'clip.gif', codec: undefined },
  { name: 'clip.webp', codec: undefined },
  { name: 'clip/', codec: undefined },
] as const

/** A shell that sets limits of this process: to start a program from it takes longer than a shell does. */
let shell: ChildProcessWithoutNullStreams | undefined
afterAll(() => shell?.stdin.end())

/** Sets the size that a file of this process may have, in bytes. */
async function limitFiles(bytes: string): Promise<void> {
  shell ??= spawn('sh')
  const answered = once(shell.stdout, 'data')
  shell.stdin.write(`prlimit --pid ${process.pid} --fsize=${bytes}: && echo set || echo failed\n`)
  expect(String(await answered)).toBe('set\n')
}

describe.each(formats)('writing $name', ({ name, codec }) => {
  it('keeps the number, order and colours of frames, the rate, the size and the record', async () => {
    const path = `${folder.path}colours-${name}`
    const frames = flatFrames(17, 64, 64)
    const writer = await openVideoWriter({ path, ...size, codec, metadata: record })
    await writer.write(frames.subarray(0, 5 * frameBytes))
    await writer.write(new Uint8Array(0))
    await writer.write(frames.subarray(5 * frameBytes))
    const written = await writer.finish()

    expect(written).toEqual({ path, frames: 17, bytes: expect.any(Number) })
    const video = await readVideo(path)
    expect([video.width, video.height, video.fps]).toEqual([64, 64, 8])
    const read = await collect(video.frames)
    expect(read.length).toBe(17)
    read.forEach((frame, index) => {
      expect(
        largestDifference(frame, frames.subarray(index * frameBytes, (index + 1) * frameBytes)),
      ).toBeLessThanOrEqual(4)
    })
    expect(await readRecord(path)).toEqual(record)
  })

  it('says how many bytes it wrote', async () => {
    const path = `${folder.path}bytes-${name}`
    const { bytes } = await writeClip(discFrames(3, 64, 64), { path, ...size, codec })
    const files = name.endsWith('/') ? (await readdir(path)).map(file => path + file) : [path]
    const sizes = await Promise.all(files.map(async file => (await stat(file)).size))
    expect(bytes).toBe(sizes.reduce((sum, length) => sum + length, 0))
  })

  it('shows nothing under the final name before it is whole, and nothing at all after an abort', async () => {
    const path = `${folder.path}aborted-${name}`
    const before = await readdir(folder.path)
    const writer = await openVideoWriter({ path, ...size, codec })
    await writer.write(discFrames(6, 64, 64))
    expect(await stat(path).catch(error => error.code)).toBe('ENOENT')
    await writer.abort()
    expect(await readdir(folder.path)).toEqual(before)
    await expect(writer.write(discFrames(1, 64, 64))).rejects.toMatchObject({ code: 'cancelled' })
    await expect(writer.finish()).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('ends with a CancelledError and leaves nothing when its signal aborts while frames are written', async () => {
    const path = `${folder.path}cancelled-${name}`
    const before = await readdir(folder.path)
    const controller = new AbortController()
    const writer = await openVideoWriter({ path, ...size, codec, signal: controller.signal })
    const writing = writer.write(discFrames(60, 64, 64))
    setImmediate(() => controller.abort())
    await expect(writing).rejects.toMatchObject({ name: 'CancelledError', code: 'cancelled' })
    await writer.abort()
    expect(await readdir(folder.path)).toEqual(before)
  })

  it.skipIf(process.platform !== 'linux')(
    'reports a disk that takes no more, and leaves nothing',
    async () => {
      const path = `${folder.path}full-${name}`
      const before = await readdir(folder.path)
      const noise = new Uint8Array(30 * frameBytes).map((_, at) => (at * 2654435761) >>> 24)
      await limitFiles('2000')
      try {
        await expect(writeClip(noise, { path, ...size, codec })).rejects.toMatchObject({
          code: 'media/output',
          message: expect.stringMatching(
            /expected a file of any size to be allowed, got the size limit of files \(EFBIG\)/,
          ),
        })
      } finally {
        await limitFiles('unlimited')
      }
      expect(await readdir(folder.path)).toEqual(before)
    },
  )
})

describe('the same frames and options', () => {
  it('give the same bytes in every format, whenever they are written', async () => {
    const frames = discFrames(9, 64, 64)
    const written = async (attempt: string) => {
      const clips: Buffer[] = []
      for (const { name, codec } of formats) {
        const path = `${folder.path}${attempt}-${name}`
        await writeClip(frames, { path, ...size, codec, metadata: record })
        clips.push(await readFile(name.endsWith('/') ? `${path}00008.png` : path))
      }
      return clips
    }
    const first = await written('first')
    // Containers stamp seconds; the second clips must be made in another one.
    await new Promise(resolve => setTimeout(resolve, 1001 - (Date.now() % 1000)))
    const second = await written('second')
    expect(formats.map((_, at) => first[at]!.equals(second[at]!))).toEqual(formats.map(() => true))
  })
})

describe('the picture in a video', () => {
  it.each([
    ['sharp.mp4', 'h264'],
    ['sharp.webm', 'vp9'],
    ['sharp-av1.webm', 'av1'],
  ] as const)('is visually lossless by default at 64x64: %s', async (name, codec) => {
    const frames = discFrames(17, 64, 64)
    await writeClip(frames, { path: folder.path + name, ...size, codec })
    const video = await readVideo(folder.path + name)
    const read = Buffer.concat(await collect(video.frames))
    expect(psnr(brightness(read), brightness(frames))).toBeGreaterThan(40)
    // Colour is stored at half size, which alone blurs hard coloured edges; coding must not add much to that.
    const uncoded = Buffer.concat(frameList(frames).map(frame => throughYuv(frame, 64, 64)))
    expect(psnr(read, uncoded)).toBeGreaterThan(39)
  })

  it('gets coarser and smaller with a lower quality', async () => {
    const frames = discFrames(17, 64, 64)
    const fine = await writeClip(frames, { path: `${folder.path}q95.mp4`, ...size, quality: 95 })
    const coarse = await writeClip(frames, { path: `${folder.path}q30.mp4`, ...size, quality: 30 })
    expect(coarse.bytes).toBeLessThan(fine.bytes / 2)
  })

  it.each(['odd.mp4', 'odd.webm'])('repeats its last row and column where a side is odd: %s', async name => {
    await writeClip(flatFrames(3, 65, 33), { path: folder.path + name, width: 65, height: 33, fps: 8 })
    const video = await readVideo(folder.path + name)
    expect([video.width, video.height]).toEqual([66, 34])
    for await (const frame of video.frames) {
      expect(largestDifference(frame.subarray(-3), frame.subarray(0, 3))).toBeLessThanOrEqual(3)
    }
  })

  it.each(['odd.gif', 'odd.webp', 'odd/'])('keeps an odd size: %s', async name => {
    await writeClip(flatFrames(3, 65, 33), { path: folder.path + name, width: 65, height: 33, fps: 8 })
    const video = await readVideo(folder.path + name)
    expect([video.width, video.height]).toEqual([65, 33])
  })

  it('may be a single pixel', async () => {
    for (const name of ['pixel.mp4', 'pixel.webm', 'pixel.gif', 'pixel.webp', 'pixel/']) {
      await writeClip(flatFrames(2, 1, 1), { path: folder.path + name, width: 1, height: 1, fps: 8 })
      expect((await collect((await readVideo(folder.path + name)).frames)).length).toBe(2)
    }
  })

  it('is enlarged with hard edges by nearest and smoothly by lanczos', async () => {
    const frame = Uint8Array.of(0, 0, 0, 255, 255, 255)
    const sharpEdge = [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
    for (const kernel of ['nearest', 'lanczos'] as const) {
      const path = `${folder.path}${kernel}/`
      await writeClip(frame, { path, width: 2, height: 1, fps: 8, upscale: { factor: 8, kernel } })
      const [large] = await collect((await readVideo(path)).frames)
      const row = Array.from(large!.subarray(0, 16 * 3)).filter((_, at) => at % 3 === 0)
      if (kernel === 'nearest') expect(row).toEqual(sharpEdge)
      else expect(new Set(row).size).toBeGreaterThan(4)
      expect(large!.length).toBe(16 * 8 * 3)
    }
  })
})

describe('an MP4', () => {
  it('has its index before its data, and no time of creation', async () => {
    const path = `${folder.path}index.mp4`
    await writeClip(discFrames(17, 64, 64), { path, ...size })
    const bytes = await readFile(path)
    const at = (box: string) => bytes.indexOf(box, 0, 'latin1')
    expect(at('ftyp')).toBe(4)
    expect(at('moov')).toBeLessThan(at('mdat'))
    for (const box of ['mvhd', 'tkhd', 'mdhd']) expect(bytes.readBigUInt64BE(at(box) + 8)).toBe(0n)
  })
})

describe('a video writer', () => {
  it('replaces a file of that name, but only when the new one is whole', async () => {
    const path = `${folder.path}replaced.mp4`
    await writeFile(path, 'old')
    const writer = await openVideoWriter({ path, ...size })
    await writer.write(discFrames(2, 64, 64))
    expect(await readFile(path, 'latin1')).toBe('old')
    await writer.finish()
    expect((await readVideo(path)).width).toBe(64)
  })

  it('takes every name that a file can have, and refuses a longer one before it writes', async () => {
    const path = `${folder.path}${'ü'.repeat(125)}n.mp4`
    await writeClip(discFrames(2, 64, 64), { path, ...size })
    expect((await stat(path)).size).toBeGreaterThan(0)
    await expect(openVideoWriter({ path: path.replace(/\.mp4$/, 'n.mp4'), ...size })).rejects.toMatchObject({
      code: 'media/output',
      message: expect.stringContaining('expected a shorter name, got one that is too long (ENAMETOOLONG)'),
    })
  })

  it.each(['finish', 'abort'] as const)('whose folder has become a file fails at %s alone', async how => {
    const inside = `${folder.path}${how}/`
    await mkdir(inside)
    const stop = new AbortController()
    const writer = await openVideoWriter({ path: `${inside}a.mp4`, ...size, signal: stop.signal })
    await writer.write(discFrames(2, 64, 64))
    await rename(inside, `${folder.path}${how}-moved`)
    await writeFile(inside.slice(0, -1), '')
    if (how === 'abort') stop.abort()
    const code = how === 'abort' ? 'cancelled' : 'media/output'
    await expect(writer.finish()).rejects.toMatchObject({ code })
  })

  it('removes the clip when it leaves the scope of `await using` unfinished', async () => {
    const before = await readdir(folder.path)
    const writer = await openVideoWriter({ path: `${folder.path}scope.mp4`, ...size })
    await writer.write(discFrames(2, 64, 64))
    await writer[Symbol.asyncDispose]()
    expect(await readdir(folder.path)).toEqual(before)
  })

  it('keeps the clip when it is aborted or disposed after finish()', async () => {
    const path = `${folder.path}kept.mp4`
    const writer = await openVideoWriter({ path, ...size })
    await writer.write(discFrames(2, 64, 64))
    await writer.finish()
    await writer.abort()
    expect((await stat(path)).size).toBeGreaterThan(0)
  })

  it('refuses frames of another size, and a clip without frames', async () => {
    const before = await readdir(folder.path)
    const other = await openVideoWriter({ path: `${folder.path}other.mp4`, ...size })
    await expect(other.write(new Uint8Array(100))).rejects.toThrow(
      'frames: expected a multiple of 12288 bytes for frames of 64x64, got 100.',
    )
    const empty = await openVideoWriter({ path: `${folder.path}empty.mp4`, ...size })
    await expect(empty.finish()).rejects.toThrow('frames: expected at least one, got none.')
    expect(await readdir(folder.path)).toEqual(before)
  })

  it('limits animations, which need all frames at once', async () => {
    const clip = { ...size, fps: 8, quality: 85, record: undefined, sound: undefined, soundFile: undefined }
    const frame = new Uint8Array(64 * 64 * 3)
    const sink = openAnimation(`${folder.path}large.gif`, '.gif', clip, 2.5 * frame.length)
    await sink.write(frame)
    await sink.write(frame)
    await expect(sink.write(frame)).rejects.toThrow(
      'a .gif of 64x64: expected at most 2 frames, got more. Write .mp4, .webm or a folder of PNG files.',
    )
  })

  it('takes no frame of an animation that is larger than 512 MiB by itself', async () => {
    const [width, height] = [16_384, 10_923]
    const writer = await openVideoWriter({ path: `${folder.path}huge.gif`, width, height, fps: 8 })
    await expect(writer.write(new Uint8Array(width * height * 3))).rejects.toThrow(
      'a .gif of 16384x10923: expected at most 0 frames, got more.',
    )
  })

  it.each([
    [{ fps: 0 }, 'fps: expected a number above 0, at most 1000, got 0.'],
    [{ width: 0 }, 'width: expected a whole number from 1 to 16384, got 0.'],
    [{ height: 1.5 }, 'height: expected a whole number from 1 to 16384, got 1.5.'],
    [{ quality: 0 }, 'quality: expected a number from 1 to 100, got 0.'],
    [{ codec: 'vp9' }, 'codec: expected h264 for .mp4, got vp9.'],
    [{ codec: 'h264', path: 'clip.gif' }, 'codec: expected none for .gif, got h264.'],
    [{ codec: 'av1', path: 'clip.webm', width: 16 }, 'size: expected at least 32x32 for av1, got 16x64.'],
    [
      { upscale: { factor: 1.5, kernel: 'nearest' } },
      'upscale.factor: expected a whole number from 1 to 16, got 1.5.',
    ],
  ] as const)('refuses %j', async (wrong, message) => {
    const path = 'path' in wrong ? folder.path + wrong.path : `${folder.path}refused.mp4`
    await expect(openVideoWriter({ ...size, ...wrong, path })).rejects.toThrow(message)
  })

  it.each([
    [
      'clip.avi',
      /clip\.avi: expected a name that ends in \.mp4, \.webm, \.gif or \.webp, or in \/ .*, got \.avi\.$/,
    ],
    [
      'missing/clip.mp4',
      /expected a folder to write into, got none at .*missing\. Create it: mkdir -p .*missing/,
    ],
    [
      'taken/',
      /expected a new or empty folder, got one with 1 entry\. Choose another name, or empty the folder\./,
    ],
    ['file/', /expected a new or empty folder, got a file of that name\./],
    ['file/clip.mp4', /expected a folder to write into, got a file at/],
    ['taken.mp4', /expected the name of a file, got a folder\./],
  ])('refuses to write to %s before any work is done', async (name, message) => {
    await mkdir(`${folder.path}taken`, { recursive: true })
    await mkdir(`${folder.path}taken.mp4`, { recursive: true })
    await writeFile(`${folder.path}taken/notes.txt`, '')
    await writeFile(`${folder.path}file`, '')
    const refusal = openVideoWriter({ path: folder.path + name, ...size })
    await expect(refusal).rejects.toMatchObject({
      code: 'media/output',
      message: expect.stringMatching(message),
    })
  })

  it.skipIf(process.getuid?.() === 0)('refuses a folder without permission to write', async () => {
    await mkdir(`${folder.path}locked`)
    await chmod(`${folder.path}locked`, 0o500)
    await expect(openVideoWriter({ path: `${folder.path}locked/clip.mp4`, ...size })).rejects.toThrow(
      'expected a place that can be written to, got permission denied (EACCES). Choose another folder.',
    )
  })

  it('writes into an existing empty folder', async () => {
    await mkdir(`${folder.path}ready`)
    await writeClip(flatFrames(2, 4, 4), { path: `${folder.path}ready/`, width: 4, height: 4, fps: 8 })
    expect(await readdir(`${folder.path}ready`)).toEqual(['00000.png', '00001.png'])
  })
})

function frameList(frames: Uint8Array): Uint8Array[] {
  return Array.from({ length: frames.length / frameBytes }, (_, index) =>
    frames.subarray(index * frameBytes, (index + 1) * frameBytes),
  )
}

function throughYuv(frame: Uint8Array, width: number, height: number): Uint8Array {
  const planes = [
    { offset: 0, stride: width },
    { offset: width * height, stride: width / 2 },
    { offset: width * height * 1.25, stride: width / 2 },
  ]
  return yuvToRgb(rgbToYuv(frame, width, height), planes, width, height, {
    chromaShift: [1, 1],
    depth: 8,
    interleaved: false,
    fullRange: false,
    weights: lumaWeights.bt709,
  })
}

function brightness(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, pixel) => {
    const [red, green, blue] = [rgb[pixel * 3]!, rgb[pixel * 3 + 1]!, rgb[pixel * 3 + 2]!]
    return Math.round(0.2126 * red + 0.7152 * green + 0.0722 * blue)
  })
}
