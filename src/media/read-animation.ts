import { CancelledError } from '../errors.ts'
import { decodePicture, mostPixels, pictureError } from './read-picture.ts'
import { recordedFrames, recordedRate } from './read-record.ts'
import type { ReadVideoOptions, VideoInput } from './read-video.ts'
import { checkWholeGif } from './whole-file.ts'

/**
 * Animated GIF and WebP. These formats say for each picture how long it is shown; the shortest time becomes the
 * length of a frame, and a picture that is shown longer is given several times, so that the rate is constant.
 */
export async function readAnimation(path: string, options: ReadVideoOptions): Promise<VideoInput> {
  await checkWholeGif(path)
  const { default: sharp } = await import('sharp')
  const metadata = await sharp(path, { limitInputPixels: mostPixels })
    .metadata()
    .catch(error => {
      throw pictureError(path, error)
    })
  const { width, pageHeight: height = metadata.height, pages = 1 } = metadata
  const rate = await recordedRate(path)
  const { counts, fps } = repetitions(metadata.delay?.slice(0, pages) ?? [], rate)
  // A WebP whose frames are all equal is written as a still picture, which has no times.
  const repeats = metadata.delay ? counts : [(await recordedFrames(path)) ?? 1]
  const clip = { path, height, pages, repeats }
  return { width, height, fps, frames: { [Symbol.asyncIterator]: () => frames(clip, width, options) } }
}

interface Animation {
  readonly path: string
  readonly height: number
  readonly pages: number
  readonly repeats: readonly number[]
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
  const shown = delays.map(delay => (delay > 10 ? delay : 100)) // Browsers take 10 ms and less for 100 ms.
  const shortest = Math.min(...shown)
  const single = shown.filter(delay => delay < shortest * 1.5)
  const tick = fps === undefined ? single.reduce((sum, delay) => sum + delay, 0) / single.length : 1000 / fps
  const counts = shown.map(delay => Math.max(1, Math.round(delay / tick)))
  const rate = shown.length > 1 ? Math.round(1e6 / tick) / 1e3 : undefined
  return { counts, fps: fps ?? rate }
}

async function* frames(
  { path, height, pages, repeats }: Animation,
  width: number,
  options: ReadVideoOptions,
) {
  const { maxFrames = Number.POSITIVE_INFINITY, signal } = options
  const frameBytes = width * height * 3
  // Each call decodes from the start of the file, so pages are read several at a time.
  const atOnce = Math.max(1, Math.min(32, Math.floor(mostPixels / (width * height))))
  let count = 0
  for (let page = 0; page < pages; page += atOnce) {
    const strip = await decodePicture(path, page, Math.min(atOnce, pages - page))
    for (let at = 0; at < strip.data.length; at += frameBytes) {
      for (let copy = 0; copy < (repeats[page + at / frameBytes] ?? 1); copy++) {
        if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
        if (count++ >= maxFrames) return
        yield strip.data.slice(at, at + frameBytes)
      }
    }
  }
}
