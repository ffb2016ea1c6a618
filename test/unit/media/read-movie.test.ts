import { readFile, writeFile } from 'node:fs/promises'
import type { Rotation, VideoCodec } from 'mediabunny'
import { describe, expect, it } from 'vitest'
import { loadCodecs } from '../../../src/media/mediabunny.ts'
import { readVideo } from '../../../src/media/read-video.ts'
import { rgbToYuv } from '../../../src/media/rgb-to-yuv.ts'
import { lumaWeights, yuvToRgb } from '../../../src/media/yuv-to-rgb.ts'
import { largestDifference } from '../../compare.ts'
import { collect, colours, discFrames, flatFrames, temporaryFolder, writeClip } from './clip-samples.ts'

const folder = temporaryFolder()

interface ForeignClip {
  readonly rotation?: Rotation
  readonly wide?: boolean
  /** What the file says of its colours. @default nothing */
  readonly marks?: VideoColorSpaceInit
  /** Turns a frame of RGB into 4:2:0. @default BT.709 in limited range */
  readonly convert?: typeof rgbToYuv
}

/** A clip as another program would make it: any codec, MOV, with a rotation or wide pixels. */
async function foreignClip(name: string, codec: VideoCodec, options: ForeignClip = {}) {
  const mediabunny = await loadCodecs('media/output')
  const target = new mediabunny.BufferTarget()
  const output = new mediabunny.Output({ format: new mediabunny.MovOutputFormat(), target })
  const packets = new mediabunny.EncodedVideoPacketSource(codec)
  output.addVideoTrack(packets, { frameRate: 8, rotation: options.rotation ?? 0 })
  await output.start()
  let written = Promise.resolve()
  const source = new mediabunny.VideoSampleSource({
    codec,
    quality: new mediabunny.Quality(codec === 'av1' ? { quantizer: 20 } : { bitrate: 4_000_000 }),
    hardwareAcceleration: 'prefer-software',
    onEncodedPacket: (packet, metadata) => {
      const decoderConfig = metadata?.decoderConfig && {
        ...metadata.decoderConfig,
        ...(options.marks && { colorSpace: options.marks }),
      }
      written = written.then(() =>
        packets.add(packet, { ...metadata, ...(decoderConfig && { decoderConfig }) }),
      )
    },
  })
  const encoding = new mediabunny.Output({
    format: new mediabunny.MkvOutputFormat({ appendOnly: true }),
    target: new mediabunny.NullTarget(),
  })
  encoding.addVideoTrack(source, { frameRate: 8 })
  await encoding.start()
  const { convert = rgbToYuv } = options
  for (let frame = 0; frame < 4; frame++) {
    const rgb = flatFrames(4, 64, 32).subarray(frame * 64 * 32 * 3, (frame + 1) * 64 * 32 * 3)
    for (let row = 0; row < 32; row++) rgb.fill(255, row * 192, row * 192 + 48) // White at the left.
    const sample = new mediabunny.VideoSample(convert(rgb, 64, 32), {
      format: 'I420',
      codedWidth: 64,
      codedHeight: 32,
      timestamp: frame / 8,
      duration: 1 / 8,
      ...(options.wide && { displayWidth: 128, displayHeight: 32 }),
    })
    await source.add(sample)
    sample.close()
  }
  await encoding.finalize()
  await written
  await output.finalize()
  await writeFile(folder.path + name, new Uint8Array(target.buffer!))
  return folder.path + name
}

/** A movie's packets in a fragmented MP4. */
async function inFragments(path: string): Promise<Uint8Array> {
  const mediabunny = await loadCodecs('media/output')
  const { ALL_FORMATS, BufferTarget, Conversion, FilePathSource, Input, Mp4OutputFormat, Output } = mediabunny
  const input = new Input({ source: new FilePathSource(path), formats: ALL_FORMATS })
  const target = new BufferTarget()
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'fragmented' }), target })
  const conversion = await Conversion.init({ input, output })
  await conversion.execute()
  input.dispose()
  return new Uint8Array(target.buffer!)
}

/** RGB as 4:2:0 in full range, by the formula of ITU-R BT.709-6, items 3.2 and 3.3, with any weights. */
function fullRange([red, blue]: readonly [number, number]): typeof rgbToYuv {
  return (rgb, width, height) => {
    const planes = new Uint8Array((width * height * 3) / 2)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [r, g, b] = rgb.subarray((y * width + x) * 3) as unknown as [number, number, number]
        const luma = red * r + (1 - red - blue) * g + blue * b
        const chroma = width * height + (y >> 1) * (width / 2) + (x >> 1)
        planes[y * width + x] = Math.round(luma)
        planes[chroma] = Math.min(255, Math.round(128 + (b - luma) / (2 - 2 * blue)))
        planes[chroma + (width * height) / 4] = Math.min(255, Math.round(128 + (r - luma) / (2 - 2 * red)))
      }
    }
    return planes
  }
}

const bt709 = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709' } as const
const bt601 = { primaries: 'smpte170m', transfer: 'smpte170m', matrix: 'smpte170m' } as const

/** The first pixel of every frame, which is white, and the last one, which has its colour. */
async function cornersOf(path: string) {
  const video = await readVideo(path)
  expect([video.width, video.height, video.fps]).toEqual([64, 32, 8])
  const frames = await collect(video.frames)
  expect(frames.length).toBe(4)
  return frames.map(frame => ({ white: frame.subarray(0, 3), colour: frame.subarray(-3) }))
}

describe('reading a movie of another program', () => {
  const codecs = ['avc', 'hevc', 'vp9', 'av1', 'prores'] as const

  it.each(
    codecs.flatMap(codec =>
      [
        { codec, name: 'BT.709', marks: { ...bt709, fullRange: false }, convert: rgbToYuv },
        {
          codec,
          name: 'BT.709 in full range',
          marks: { ...bt709, fullRange: true },
          convert: fullRange(lumaWeights.bt709),
        },
        {
          codec,
          name: 'BT.601 in full range',
          marks: { ...bt601, fullRange: true },
          convert: fullRange(lumaWeights.bt601),
        },
      ].filter(({ marks }) => codec !== 'prores' || !marks.fullRange),
    ),
  )('gives the colours of $codec in MOV that is marked as $name', async ({ codec, name, marks, convert }) => {
    const path = await foreignClip(`${codec}-${name}.mov`, codec, { marks, convert })
    const corners = await cornersOf(path)
    corners.forEach(({ white, colour }, index) => {
      expect(largestDifference(colour, colours[index]!)).toBeLessThanOrEqual(4)
      expect(largestDifference(white, [255, 255, 255])).toBeLessThanOrEqual(4)
    })
  })

  it.each(['avc', 'hevc', 'vp9', 'av1'] as const)(
    'takes %s of few lines that does not say its colours for BT.601, as players do',
    async codec => {
      const corners = await cornersOf(await foreignClip(`${codec}-unmarked.mov`, codec))
      corners.forEach(({ colour }, index) => {
        const flat = flatFrames(4, 2, 2).subarray(index * 12, (index + 1) * 12)
        const planes = [0, 4, 5].map(offset => ({ offset, stride: offset === 0 ? 2 : 1 }))
        const as601 = yuvToRgb(rgbToYuv(flat, 2, 2), planes, 2, 2, {
          chromaShift: [1, 1],
          depth: 8,
          interleaved: false,
          fullRange: false,
          weights: lumaWeights.bt601,
        })
        expect(largestDifference(colour, as601.subarray(0, 3))).toBeLessThanOrEqual(4)
      })
    },
  )

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

describe('reading a movie', () => {
  it.each([
    ['stts', 12],
    ['ctts', 12],
    ['trun', 8],
  ] as const)('refuses an MP4 whose %s counts more frames than the file has bytes', async (table, offset) => {
    const path = `${folder.path}${table}.mp4`
    await writeClip(discFrames(9, 64, 64), { path, width: 64, height: 64, fps: 8 })
    if (table === 'trun') await writeFile(path, await inFragments(path))
    const file = await readFile(path)
    const count = file.indexOf(table, 0, 'latin1') + offset
    expect(file.readUInt32BE(count)).toBeLessThanOrEqual(9)
    expect((await collect((await readVideo(path)).frames)).length).toBe(9)
    file.writeUInt32BE(0xfffffff0, count)
    await writeFile(path, file)
    await expect(readVideo(path)).rejects.toThrow(
      'expected a video that can be decoded, got a broken one (its index counts more frames than it has bytes).',
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
