import type { Input, InputVideoTrack } from 'mediabunny'
import { CancelledError, FramewrightError, MediaError } from '../errors.ts'
import { mostPixels } from './decode-picture.ts'
import { frameRate } from './frame-rate.ts'
import { guardedSamples, openGuardedInput } from './guarded-input.ts'
import { libraryReason } from './library-reason.ts'
import { loadCodecs } from './mediabunny.ts'
import { recordedRate } from './read-record.ts'
import { frameToRgb } from './video-frame.ts'
import type { ReadVideoOptions, VideoInput } from './video-input.ts'
import { checkWhole } from './whole-file.ts'

/** MP4, MOV, WebM and Matroska. */
export async function readMovie(path: string, options: ReadVideoOptions): Promise<VideoInput> {
  await checkWhole(path)
  return withTrack(path, async track => {
    const width = await track.getDisplayWidth()
    const height = await track.getDisplayHeight()
    const fps = (await recordedRate(path)) ?? frameRate(await firstTimes(track))
    return {
      width,
      height,
      fps,
      frames: { [Symbol.asyncIterator]: () => frames(path, width, height, options) },
    }
  })
}

/** When the first frames are shown, in seconds. */
async function firstTimes(track: InputVideoTrack): Promise<number[]> {
  const { EncodedPacketSink } = await loadCodecs('media/input')
  const times: number[] = []
  for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, {
    metadataOnly: true,
  })) {
    if (times.push(packet.timestamp) >= 256) break
  }
  return times
}

async function* frames(path: string, width: number, height: number, options: ReadVideoOptions) {
  const { maxFrames = Number.POSITIVE_INFINITY, signal } = options
  if (maxFrames <= 0) return
  const opened = await openTrack(path)
  try {
    const mediabunny = await loadCodecs('media/input')
    const colours = await opened.track.getColorSpace()
    let count = 0
    for await (const sample of guardedSamples(mediabunny, opened.track)) {
      try {
        if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
        if (sample.timestamp + sample.duration <= 0) continue // Cut away by the container's edit list.
        checkSize(path, sample.codedWidth, sample.codedHeight) // The stream may say other than its container.
        yield await frameToRgb(sample, width, height, colours)
        if (++count >= maxFrames) return
      } finally {
        sample.close()
      }
    }
    if (count === 0) throw new Error('it has no frames')
  } catch (error) {
    throw movieError(path, error)
  } finally {
    opened.input.dispose()
  }
}

async function withTrack<T>(path: string, use: (track: InputVideoTrack) => Promise<T>): Promise<T> {
  const opened = await openTrack(path)
  try {
    return await use(opened.track)
  } catch (error) {
    throw movieError(path, error)
  } finally {
    opened.input.dispose()
  }
}

async function openTrack(path: string): Promise<{ input: Input; track: InputVideoTrack }> {
  const input = openGuardedInput(await loadCodecs('media/input'), path)
  try {
    const track = await input.getPrimaryVideoTrack()
    if (track === null) {
      throw new MediaError('media/input', {
        subject: path,
        expected: 'a file with video',
        got: 'one without',
      })
    }
    await checkTrack(path, track)
    return { input, track }
  } catch (error) {
    input.dispose()
    throw movieError(path, error)
  }
}

async function checkTrack(path: string, track: InputVideoTrack): Promise<void> {
  // This throws where the file is broken, which the question after it takes for a codec that is missing.
  await track.getDecoderConfig()
  if (!(await track.canDecode())) {
    const got = (await track.getCodec()) ?? 'an unknown one'
    const expected = 'a codec that can be decoded (H.264, HEVC, VP8, VP9, AV1, ProRes)'
    throw new MediaError('media/input', { subject: path, expected, got })
  }
  checkSize(path, await track.getCodedWidth(), await track.getCodedHeight())
  checkSize(path, await track.getDisplayWidth(), await track.getDisplayHeight())
}

function checkSize(path: string, width: number, height: number): void {
  if (width * height > 0 && width * height <= mostPixels) return
  const expected = `frames of 1 to ${mostPixels} pixels`
  throw new MediaError('media/input', { subject: path, expected, got: `${width}x${height}` })
}

function movieError(path: string, error: unknown): FramewrightError {
  if (FramewrightError.is(error)) return error
  const got = `a broken one (${libraryReason(error)})`
  const advice = 'It may be cut off; copy or download it again.'
  return new MediaError(
    'media/input',
    { subject: path, expected: 'a video that can be decoded', got, advice },
    { cause: error },
  )
}
