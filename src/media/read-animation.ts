import { CancelledError } from '../errors.ts'
import type { TimedPicture } from './at-rate.ts'
import {
  decodePicture,
  mostPixels,
  type PictureFile,
  pictureError,
  readPictureFile,
} from './decode-picture.ts'
import { loadSharp } from './load-sharp.ts'
import { recordedFrames, recordedRate } from './read-record.ts'
import type { StoredClip } from './video-input.ts'
import { checkWholeGif } from './whole-file.ts'

/**
 * Animated GIF and WebP. These formats say for each picture how long it is shown; the shortest time becomes the
 * length of a frame where no record tells it.
 */
export async function openAnimation(path: string): Promise<StoredClip> {
  const file = await readPictureFile(path)
  checkWholeGif(file)
  const sharp = loadSharp()
  const metadata = await sharp(file.bytes, { limitInputPixels: mostPixels })
    .metadata()
    .catch(error => {
      throw pictureError(path, error)
    })
  const { width, pageHeight: height = metadata.height, pages = 1 } = metadata
  const rate = await recordedRate(path)
  const { counts, fps } = repetitions(metadata.delay?.slice(0, pages) ?? [], rate)
  // A WebP whose frames are all equal is written as a still picture, which has no times.
  const repeats = metadata.delay ? counts : [(await recordedFrames(path)) ?? 1]
  const frames = sum(repeats)
  return {
    width,
    height,
    fps,
    variable: repeats.some(count => count !== repeats[0]),
    pictureCount: pages,
    durationSeconds: fps === undefined ? undefined : frames / fps,
    pictures: signal => pictures({ file, width, height, pages, repeats, fps: fps ?? 1 }, signal),
  }
}

interface Animation {
  readonly file: PictureFile
  readonly width: number
  readonly height: number
  readonly pages: number
  /** Frames that each picture lasts. */
  readonly repeats: readonly number[]
  readonly fps: number
}

/**
 * How many frames each picture lasts, from the times that pictures are shown, in milliseconds. The formats round
 * these times (GIF to 10 ms), so the length of a frame is the mean of those near the shortest.
 *
 * @param fps the rate, where it is known
 */
export function repetitions(
  delays: readonly number[],
  fps?: number,
): { counts: number[]; fps: number | undefined } {
  if (fps !== undefined) return { counts: delays.map(delay => atLeastOne((delay * fps) / 1000)), fps }
  const shown = delays.map(delay => (delay > 10 ? delay : 100)) // Browsers take 10 ms and less for 100 ms.
  const shortest = Math.min(...shown)
  const tick = mean(shown.filter(delay => delay < shortest * 1.5))
  const counts = shown.map(delay => atLeastOne(delay / tick))
  if (shown.length < 2) return { counts, fps: undefined }
  return { counts, fps: meanRate(sum(counts), sum(shown)) }
}

/** How far rounding can move the end of an animation: a GIF's by 5 ms, and a little for rounding here. */
const roundingMs = 5.5

/** Frames a second to three decimals; a whole number where rounding can explain the difference. */
function meanRate(frames: number, totalMs: number): number {
  const rate = (frames * 1000) / totalMs
  const whole = Math.round(rate)
  return Math.abs(whole - rate) * totalMs <= roundingMs * whole ? whole : Math.round(rate * 1000) / 1000
}

function atLeastOne(frames: number): number {
  return Math.max(1, Math.round(frames))
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

async function* pictures(
  { file, width, height, pages, repeats, fps }: Animation,
  signal: AbortSignal | undefined,
): AsyncGenerator<TimedPicture> {
  const frameBytes = width * height * 3
  // Each call decodes from the start of the file, so pages are read several at a time.
  const atOnce = Math.max(1, Math.min(32, Math.floor(mostPixels / (width * height))))
  let frame = 0
  for (let page = 0; page < pages; page += atOnce) {
    const strip = await decodePicture(file, page, Math.min(atOnce, pages - page))
    for (let at = 0; at < strip.data.length; at += frameBytes) {
      if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
      yield {
        time: frame / fps,
        pixels: async () => strip.data.slice(at, at + frameBytes),
        close: () => undefined,
      }
      frame += repeats[page + at / frameBytes] ?? 1
    }
  }
}
