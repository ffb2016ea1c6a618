/**
 * Forty kinds of video, made by the FFmpeg of this machine and read by it and by us: codecs, containers, chroma, depths,
 * ranges and matrices. Skipped where there is no FFmpeg, or not that encoder.
 */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { readVideo } from '../../../src/media/read-video.ts'
import { largestDifference } from '../../compare.ts'
import { scratchFolder } from '../../scratch.ts'
import { collect } from '../../unit/media/clip-samples.ts'

const run = promisify(execFile)
const folder = scratchFolder()
const encoders = spawnSync('ffmpeg', ['-hide_banner', '-encoders'], { encoding: 'utf8' }).stdout ?? ''

const size = { width: 64, height: 48 }
const count = 6

interface Kind {
  readonly file: string
  readonly encoder: string
  readonly pixels: string
  readonly flags?: string
  /** Filters before the encoder. */
  readonly filter?: string
  readonly odd?: boolean
}

/** Kinds of one encoder by their pixel formats. */
function each(encoder: string, extension: string, pixels: readonly string[], flags = ''): Kind[] {
  return pixels.map(format => ({
    file: `${encoder}-${format}.${extension}`,
    encoder,
    pixels: format,
    flags,
  }))
}

const avc = { encoder: 'libx264', pixels: 'yuv420p' }
const crf = '-crf 12'
const hevc = `${crf} -x265-params log-level=none:pools=none:frame-threads=1`
const av1 = `${crf} -cpu-used 8`
const vp9 = `${crf} -b:v 0 -cpu-used 8 -deadline realtime`

/** A matrix that the file names, and whose numbers it has. */
function tagged(name: string, matrix: string, range: 'tv' | 'pc' = 'tv'): Kind {
  const scaled = `scale=out_color_matrix=${matrix}:out_range=${range}`
  const filter = `${scaled},format=yuv444p,setparams=colorspace=${name}:range=${range}`
  return { file: `${name}-${range}.mp4`, encoder: 'libx264', pixels: 'yuv444p', flags: crf, filter }
}

const kinds: readonly Kind[] = [
  ...each('libx264', 'mp4', ['yuv420p', 'yuv422p', 'yuv444p', 'gray', 'yuvj420p', 'yuvj444p'], crf),
  ...each('libx264', 'mkv', ['yuv420p10le', 'yuv422p10le', 'yuv444p10le'], crf),
  ...each('libx264rgb', 'mp4', ['rgb24'], crf),
  { ...avc, file: 'avc.mov', flags: crf },
  { ...avc, file: 'avc-fragments.mp4', flags: `${crf} -movflags frag_keyframe+empty_moov` },
  { ...avc, file: 'avc-index-first.mp4', flags: `${crf} -movflags +faststart` },
  { ...avc, file: 'avc-reordered.mp4', flags: `${crf} -bf 3 -g 6` },
  { ...avc, file: 'avc-intra.mp4', flags: `${crf} -g 1` },
  { ...avc, file: 'avc-lossless.mp4', pixels: 'yuv444p', flags: '-qp 0' },
  { ...avc, file: 'avc-odd.mp4', pixels: 'yuv444p', flags: crf, filter: 'scale=35:27', odd: true },
  ...each('libx265', 'mp4', ['yuv420p', 'yuv422p', 'yuv444p', 'gray', 'gbrp'], `${hevc} -tag:v hvc1`),
  ...each('libx265', 'mkv', ['yuv420p10le', 'yuv422p10le', 'yuv444p12le'], hevc),
  ...each('libvpx', 'webm', ['yuv420p'], '-crf 10 -b:v 2M'),
  ...each('libvpx-vp9', 'webm', ['yuv420p', 'yuv422p', 'yuv440p', 'yuv444p', 'gbrp'], vp9),
  ...each('libvpx-vp9', 'mp4', ['yuv420p10le'], vp9),
  ...each('libaom-av1', 'mp4', ['yuv420p', 'yuv444p', 'gray', 'yuv420p10le'], av1),
  ...each('libaom-av1', 'webm', ['gbrp'], av1),
  ...each('prores_ks', 'mov', ['yuv422p10le', 'yuv444p10le']),
  tagged('bt709', 'bt709'),
  tagged('bt709', 'bt709', 'pc'),
  tagged('smpte170m', 'smpte170m'),
  tagged('bt470bg', 'bt470bg'),
  tagged('bt2020nc', 'bt2020'),
]

/** Of each codec: to start more takes longer than a small clip. */
const oneThread = ['-threads', '1']

async function ffmpeg(words: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...words])
}

const supported = kinds.filter(({ encoder }) => encoders.includes(` ${encoder} `))
const pathOf = ({ file }: Kind) => join(folder, file)
const rawOf = (kind: Kind) => `${pathOf(kind)}.rgb`

/** Makes all of them, in one process, for to start one takes longer than to make a clip. */
async function makeClips(): Promise<void> {
  const sources = ['64x48', '70x54'].flatMap(size => ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=24`])
  const outputs = supported.flatMap(kind => {
    const { encoder, pixels, flags = '', filter = 'null', odd = false } = kind
    const source = ['-map', odd ? '1:v' : '0:v', '-frames:v', String(count), '-vf', filter]
    const coding = ['-pix_fmt', pixels, '-c:v', encoder, ...oneThread]
    return [...source, ...flags.split(' ').filter(Boolean), ...coding, pathOf(kind)]
  })
  await ffmpeg([...sources, ...outputs])
}

/** Has FFmpeg read all of them. */
async function readClips(): Promise<void> {
  const inputs = supported.flatMap(kind => [...oneThread, '-i', pathOf(kind)])
  const outputs = supported.flatMap((kind, index) => {
    return ['-map', `${index}:v`, '-vf', exact, '-pix_fmt', 'rgb24', '-f', 'rawvideo', rawOf(kind)]
  })
  await ffmpeg([...inputs, ...outputs])
}

/** Chroma is doubled, not interpolated, and colours are converted in full precision. */
const exact = 'scale=flags=neighbor+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact'

describe('a kind of video that FFmpeg makes', () => {
  test('is one of forty', () => {
    expect(new Set(kinds.map(({ file }) => file)).size).toBe(kinds.length)
    expect(kinds.length).toBeGreaterThanOrEqual(40)
  })

  beforeAll(async () => {
    if (supported.length === 0) return
    await makeClips()
    await readClips()
  })

  test.for(kinds)('is read to a level as FFmpeg reads it: $file', async (kind, { skip }) => {
    skip(!supported.includes(kind), `there is no ${kind.encoder}`)
    const { width, height } = kind.odd ? { width: 35, height: 27 } : size
    const rgb = readFileSync(rawOf(kind))
    const video = await readVideo(pathOf(kind))
    expect([video.width, video.height, video.frameCount]).toEqual([width, height, count])
    expect(video.fps).toBeCloseTo(24, 3)
    const frames = await collect(video.frames)
    expect(frames).toHaveLength(count)
    expect(Buffer.concat(frames)).toHaveLength(rgb.length)
    expect(largestDifference(Buffer.concat(frames), rgb)).toBeLessThanOrEqual(1)
  })
})
