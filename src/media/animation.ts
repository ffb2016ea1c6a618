import { writeFile } from 'node:fs/promises'
import { invalidRequest, MediaError } from '../errors.ts'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { withGifComment } from './gif-comment.ts'
import { loadSharp } from './load-sharp.ts'
import type { OutputFormat } from './output-path.ts'
import { recordToText } from './record.ts'
import { textToXmp } from './xmp.ts'

/** Bytes of frames that an animation may hold: these formats are made from all frames at once. */
const usualLimitBytes = 512 * 2 ** 20

/** Of 1 … 10. The library's default, 7, takes five times as long to choose colours, for 1 dB. */
const gifEffort = 3

/**
 * Animated GIF and WebP, which repeat for ever. All frames are kept in memory until the end, so the length is
 * limited to 512 MiB of frames (about 430 at 832x480). GIF has 256 colours a frame and times in hundredths of a
 * second; the rate is right on average. WebP's encoder merges equal neighbours into one longer picture: the record
 * tells the rate that they had.
 */
export function openAnimation(
  path: string,
  format: '.gif' | '.webp',
  clip: ClipFormat,
  limitBytes = usualLimitBytes,
): FrameSink {
  checkRate(format, clip.fps)
  const frames: Uint8Array[] = []
  const frameBytes = clip.width * clip.height * 3
  return {
    async write(frame) {
      const fits = Math.floor(limitBytes / frameBytes)
      if (frames.length >= fits) {
        throw new MediaError('media/output', {
          subject: `a ${format} of ${clip.width}x${clip.height}`,
          expected: `at most ${fits} frames`,
          got: 'more',
          advice: 'Write .mp4, .webm or a folder of PNG files.',
        })
      }
      frames.push(new Uint8Array(frame))
    },
    async finish() {
      const bytes = await encode(Buffer.concat(frames.splice(0)), format, clip)
      await writeFile(path, bytes, { flag: 'wx' })
      return bytes.length
    },
    async abort() {
      frames.length = 0
    },
  }
}

/** The fastest that is played as it is meant: browsers take times of 10 ms and less for 100 ms. */
const fastest = { '.gif': 50, '.webp': 90 } as const

function checkRate(format: keyof typeof fastest, fps: number): void {
  if (fps <= fastest[format]) return
  throw invalidRequest(
    'fps',
    `at most ${fastest[format]} for a ${format} file`,
    fps,
    'Write .mp4, .webm or a folder of PNG files.',
  )
}

async function encode(strip: Uint8Array, format: '.gif' | '.webp', clip: ClipFormat): Promise<Uint8Array> {
  const sharp = loadSharp()
  const count = strip.length / (clip.width * clip.height * 3)
  const image = sharp(strip, {
    raw: { width: clip.width, height: clip.height * count, channels: 3, pageHeight: clip.height },
    limitInputPixels: false,
  })
  const text = clip.record && recordToText(clip.record)
  const timing = { delay: delays(count, clip.fps, resolutions[format]), loop: 0 }
  if (format === '.webp') {
    if (text !== undefined) image.withXmp(textToXmp(text))
    return image.webp({ ...timing, quality: clip.quality, smartSubsample: true }).toBuffer()
  }
  const gif = await image.gif({ ...timing, effort: gifEffort, keepDuplicateFrames: true }).toBuffer()
  return text === undefined ? gif : withGifComment(gif, text)
}

/** Milliseconds of the format's smallest step of time. */
const resolutions = { '.gif': 10, '.webp': 1 } as const

/** The times for which frames of a rate are shown, in milliseconds, where the format cannot hold the exact one. */
export function roundedTimes(format: OutputFormat, fps: number): readonly [number, number] | undefined {
  if (format !== '.gif' && format !== '.webp') return undefined
  const step = resolutions[format]
  const steps = 1000 / fps / step
  if (Math.abs(steps - Math.round(steps)) < 1e-6) return undefined
  return [Math.floor(steps) * step, Math.ceil(steps) * step]
}

/** How long each picture is shown, in milliseconds: multiples of the format's resolution that keep the rate. */
export function delays(count: number, fps: number, resolution: number): number[] {
  const time = (frame: number) => Math.round((frame * 1000) / fps / resolution) * resolution
  return Array.from({ length: count }, (_, frame) => time(frame + 1) - time(frame))
}
