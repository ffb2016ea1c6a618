import type { Input, InputVideoTrack } from 'mediabunny'
import { CancelledError, FramewrightError, MediaError } from '../errors.ts'
import type { TimedPicture } from './at-rate.ts'
import { brokenFile } from './broken-file.ts'
import { mostPixels } from './decode-picture.ts'
import { type Edit, presentedAt, readEditList } from './edit-list.ts'
import { frameRate } from './frame-rate.ts'
import { guardedSamples, openGuardedInput } from './guarded-input.ts'
import { loadCodecs } from './mediabunny.ts'
import { recordedRate } from './read-record.ts'
import { frameToRgb } from './video-frame.ts'
import type { StoredClip } from './video-input.ts'
import { checkWhole } from './whole-file.ts'

/** MP4, MOV, WebM and Matroska. */
export async function openMovie(path: string): Promise<StoredClip> {
  await checkWhole(path)
  return withTrack(path, async track => {
    const width = await track.getDisplayWidth()
    const height = await track.getDisplayHeight()
    const edits = await readEditList(path, track.id)
    const { times, end } = await shownTimes(track, edits)
    const start = times[0]
    if (start === undefined) throw new Error('it has no frames')
    const measured = frameRate(times)
    const fps = agreed(await recordedRate(path), measured.fps)
    const durationSeconds = end === start && fps !== undefined ? times.length / fps : end - start
    const clip = { path, width, height, edits, start }
    return {
      width,
      height,
      fps,
      variable: measured.variable,
      pictureCount: times.length,
      durationSeconds,
      pictures: signal => pictures(clip, signal),
    }
  })
}

/** The rate of a record is exact, as long as the file was not retimed after it was written. */
function agreed(recorded: number | undefined, measured: number | undefined): number | undefined {
  if (recorded === undefined || measured === undefined) return recorded ?? measured
  return Math.abs(recorded - measured) <= measured / 50 ? recorded : measured
}

/**
 * When the pictures of a track are shown, ascending, and when the last one ends, in seconds. The times are those of
 * presentation: packets are stored in the order of decoding, and some are there only for others to be decoded from.
 */
async function shownTimes(track: InputVideoTrack, edits: readonly Edit[] | undefined) {
  const { EncodedPacketSink } = await loadCodecs('media/input')
  const shown: { time: number; seconds: number }[] = []
  const packets = new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })
  for await (const { timestamp, duration } of packets) {
    const time = presentedAt(edits, timestamp)
    if (time !== undefined) shown.push({ time, seconds: duration })
  }
  const times = shown.sort((a, b) => a.time - b.time).map(({ time }) => time)
  return { times, end: endOf(times, shown.at(-1)?.seconds ?? 0, edits) }
}

/** The last picture is shown for as long as the one before it where the file does not say how long. */
function endOf(times: readonly number[], lastSeconds: number, edits: readonly Edit[] | undefined): number {
  const last = times.at(-1) ?? 0
  const before = last - (times.at(-2) ?? last)
  const end = last + (lastSeconds > 0 ? lastSeconds : before)
  const edit = edits?.at(-1)
  return edit ? Math.min(end, edit.presentedAt + edit.seconds) : end
}

interface MovieClip {
  readonly path: string
  readonly width: number
  readonly height: number
  readonly edits: readonly Edit[] | undefined
  /** When the first picture is presented, in seconds. */
  readonly start: number
}

async function* pictures(clip: MovieClip, signal: AbortSignal | undefined): AsyncGenerator<TimedPicture> {
  const { path, width, height, edits, start } = clip
  const opened = await openTrack(path)
  try {
    const mediabunny = await loadCodecs('media/input')
    const colours = await opened.track.getColorSpace()
    let shown = 0
    for await (const sample of guardedSamples(mediabunny, opened.track)) {
      const time = presentedAt(edits, sample.timestamp)
      if (signal?.aborted || time === undefined) sample.close()
      if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
      if (time === undefined) continue
      checkSize(path, sample.codedWidth, sample.codedHeight) // The stream may say other than its container.
      shown++
      yield {
        time: time - start,
        pixels: async () => {
          try {
            return await frameToRgb(sample, { path, width, height, colours })
          } catch (error) {
            throw movieError(path, error)
          }
        },
        close: () => sample.close(),
      }
    }
    if (shown === 0) throw new Error('it has no frames')
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
        advice: 'Check that it is the file that was meant: it may hold sound alone.',
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
    const advice = 'Convert it, for example: ffmpeg -i clip -c:v libx264 clip.mp4'
    throw new MediaError('media/input', { subject: path, expected, got, advice })
  }
  checkSize(path, await track.getCodedWidth(), await track.getCodedHeight())
  checkSize(path, await track.getDisplayWidth(), await track.getDisplayHeight())
}

function checkSize(path: string, width: number, height: number): void {
  if (width * height > 0 && width * height <= mostPixels) return
  const expected = `frames of 1 to ${mostPixels} pixels`
  const got = `${width}x${height}`
  throw new MediaError('media/input', { subject: path, expected, got, advice: 'Make it smaller first.' })
}

function movieError(path: string, error: unknown): FramewrightError {
  if (FramewrightError.is(error)) return error
  return brokenFile(path, 'a video that can be decoded', error)
}
