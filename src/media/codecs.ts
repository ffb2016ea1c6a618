import { messageOf } from '../errors.ts'
import { libraryReason } from './library-reason.ts'
import { loadSharp } from './load-sharp.ts'
import { loadCodecs, type Mediabunny } from './mediabunny.ts'

/** Whether one video codec works on this machine; found out by using it. */
export interface VideoCodecReport {
  readonly codec: 'avc' | 'hevc' | 'vp8' | 'vp9' | 'av1' | 'prores'
  readonly encodes: boolean
  readonly decodes: boolean
  /** Why it does not, in the words of the library. */
  readonly problem?: string
}

export interface PictureFormatReport {
  readonly format: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif'
  readonly reads: boolean
  readonly writes: boolean
}

export interface CodecReport {
  readonly video: readonly VideoCodecReport[]
  readonly pictures: readonly PictureFormatReport[]
  /** Libraries that could not be loaded, with what to do about it. Empty when all is well. */
  readonly problems: readonly string[]
}

/**
 * Tries every codec on a few small frames. It never throws: what is missing is in the report.
 */
export async function codecs(): Promise<CodecReport> {
  const problems: string[] = []
  const noting = async <T>(work: Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await work
    } catch (error) {
      problems.push(messageOf(error))
      return []
    }
  }
  const video = await noting(videoCodecs())
  const pictures = await noting(pictureFormats())
  return { video, pictures, problems }
}

const videoCodecNames = ['avc', 'hevc', 'vp8', 'vp9', 'av1', 'prores'] as const

async function videoCodecs(): Promise<readonly VideoCodecReport[]> {
  const mediabunny = await loadCodecs('media/output')
  const reports: VideoCodecReport[] = []
  for (const codec of videoCodecNames) reports.push(await tryCodec(mediabunny, codec))
  return reports
}

async function tryCodec(mediabunny: Mediabunny, codec: VideoCodecReport['codec']): Promise<VideoCodecReport> {
  let encodes = false
  try {
    const file = await encodeGrey(mediabunny, codec)
    encodes = true
    const decoded = await countFrames(mediabunny, file)
    if (decoded !== 2) throw new Error(`decoded ${decoded} of 2 frames`)
    return { codec, encodes, decodes: true }
  } catch (error) {
    return { codec, encodes, decodes: false, problem: libraryReason(error) }
  }
}

const side = 64

async function encodeGrey(mediabunny: Mediabunny, codec: VideoCodecReport['codec']): Promise<ArrayBuffer> {
  const target = new mediabunny.BufferTarget()
  const output = new mediabunny.Output({ format: new mediabunny.MovOutputFormat(), target })
  const source = new mediabunny.VideoSampleSource({
    codec,
    quality: new mediabunny.Quality({ bitrate: 500_000 }),
    hardwareAcceleration: 'prefer-software',
  })
  output.addVideoTrack(source, { frameRate: 8 })
  try {
    await output.start()
    for (const timestamp of [0, 1 / 8]) {
      const grey = new Uint8Array((side * side * 3) / 2).fill(128)
      const size = { codedWidth: side, codedHeight: side }
      const sample = new mediabunny.VideoSample(grey, { format: 'I420', ...size, timestamp, duration: 1 / 8 })
      await source.add(sample).finally(() => sample.close())
    }
    await output.finalize()
    return target.buffer!
  } catch (error) {
    await output.cancel()
    throw error
  }
}

async function countFrames(mediabunny: Mediabunny, file: ArrayBuffer): Promise<number> {
  const { BufferSource, Input, MP4, QTFF, VideoSampleSink } = mediabunny
  const input = new Input({ source: new BufferSource(file), formats: [QTFF, MP4] })
  try {
    const track = await input.getPrimaryVideoTrack()
    let frames = 0
    for await (const sample of new VideoSampleSink(track!).samples()) {
      sample.close()
      frames++
    }
    return frames
  } finally {
    input.dispose()
  }
}

async function pictureFormats(): Promise<readonly PictureFormatReport[]> {
  const sharp = loadSharp()
  const entry = (format: PictureFormatReport['format']): PictureFormatReport => {
    // AVIF is a kind of HEIF to the library, which is built with its codec or not at all.
    const { input, output } = sharp.format[format === 'avif' ? 'heif' : format]
    return { format, reads: input.buffer === true, writes: output.buffer === true }
  }
  return (['jpeg', 'png', 'webp', 'gif', 'avif'] as const).map(entry)
}
