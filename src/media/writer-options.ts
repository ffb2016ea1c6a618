import { invalidRequest } from '../errors.ts'
import type { WrittenCodec } from './bitstream/colour-tags.ts'
import type { ClipFormat } from './frame-sink.ts'
import type { OutputFormat } from './output-path.ts'
import type { GenerationRecord } from './record.ts'
import type { SoundFormat } from './sound/sound.ts'
import type { Upscale } from './upscale.ts'

export interface WriterOptions {
  /**
   * The final name. Its extension chooses the format: .mp4, .webm, .gif, .webp, or a trailing slash for a folder of
   * 00000.png and so on. A file of that name is replaced when the clip is whole; a folder must be new or empty.
   */
  readonly path: string
  /**
   * Size of the frames in pixels. MP4 and WebM hold even sizes only, for their colours are stored at half size: an
   * odd side gets its last row or column repeated. The other formats keep the size.
   */
  readonly width: number
  readonly height: number
  /** Frames a second: more than 0, at most 1000. */
  readonly fps: number
  /** Stored inside the file; readRecord() gives it back. */
  readonly metadata?: GenerationRecord | undefined
  /** Aborting it discards the clip. */
  readonly signal?: AbortSignal | undefined
  /**
   * 1 … 100, default 90: visually lossless. For MP4 and WebM it sets a constant quantizer, for WebP it is the
   * format's own quality; GIF and PNG have none.
   */
  readonly quality?: number | undefined
  /** .mp4 has h264; .webm has vp9 (default) and av1. */
  readonly codec?: 'h264' | 'vp9' | 'av1' | undefined
  readonly upscale?: Upscale | undefined
  /**
   * Of the sound that `writeSound` will give. MP4 stores it as AAC, WebM as Opus, a folder as audio.wav in 32-bit floats;
   * GIF and WebP leave it out.
   * @default none
   */
  readonly sound?: SoundFormat | undefined
  /**
   * The file that this sound was read from, from the first picture on. Its AAC is copied into an MP4 as it is stored, as long
   * as what `writeSound` gives, instead of being encoded anew.
   * @default none
   */
  readonly soundFile?: string | undefined
}

/** What the sinks need to know of the options. */
export function clipFormat(options: WriterOptions): ClipFormat {
  const factor = options.upscale?.factor ?? 1
  return {
    width: options.width * factor,
    height: options.height * factor,
    fps: options.fps,
    quality: options.quality ?? 90,
    record: options.metadata,
    sound: options.sound,
    soundFile: options.soundFile,
  }
}

const codecsOf: Readonly<Record<OutputFormat, readonly string[]>> = {
  '.mp4': ['h264'],
  '.webm': ['vp9', 'av1'],
  '.gif': [],
  '.webp': [],
  'folder/': [],
}

/**
 * The codec that a clip is written with; formats without a choice ignore it.
 * @throws RequestError when the format does not have the codec, or the codec not the size
 */
export function codecOf(format: OutputFormat, { codec, width, height }: WriterOptions): WrittenCodec {
  const known = codecsOf[format]
  if (codec !== undefined && !known.includes(codec)) {
    const expected = known.length > 0 ? `${known.join(' or ')} for ${format}` : `none for ${format}`
    throw invalidRequest('codec', expected, codec)
  }
  // The AV1 encoder never returns from a picture that is smaller than half of its 64-pixel blocks.
  if (codec === 'av1' && Math.min(width, height) < 32) {
    const got = `${width}x${height}`
    throw invalidRequest('size', 'at least 32x32 for av1', got)
  }
  if (codec === 'av1' || codec === 'vp9') return codec
  return format === '.webm' ? 'vp9' : 'avc'
}

/** @throws RequestError when a number is out of range */
export function checkOptions({ width, height, fps, quality = 90, sound }: WriterOptions): void {
  const size = (side: number) => isCount(side, 16_384)
  const checks: readonly (readonly [string, number, boolean, string])[] = [
    ['width', width, size(width), 'a whole number from 1 to 16384'],
    ['height', height, size(height), 'a whole number from 1 to 16384'],
    ['fps', fps, fps > 0 && fps <= 1000, 'a number above 0, at most 1000'],
    ['quality', quality, quality >= 1 && quality <= 100, 'a number from 1 to 100'],
    ['sound rate', sound?.rate ?? 1, isCount(sound?.rate ?? 1, 768_000), 'a whole number from 1 to 768000'],
    [
      'sound channels',
      sound?.channels ?? 1,
      isCount(sound?.channels ?? 1, 64),
      'a whole number from 1 to 64',
    ],
  ]
  const wrong = checks.find(([, , right]) => !right)
  if (wrong === undefined) return
  const [subject, got, , expected] = wrong
  throw invalidRequest(subject, expected, got)
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most
}
