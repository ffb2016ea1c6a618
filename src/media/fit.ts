/** Pictures as the networks take them: planes of numbers, fitted to the size of the clip. */
import { invalidRequest, type RequestError } from '../errors.ts'
import type { Picture } from './decode-picture.ts'
import { toPlanes } from './planes.ts'
import { resample, type Size } from './resample.ts'

export { clipPixelValues } from './clip-pixel-values.ts'

/** [3, height, width] in [−1, 1], in diffusers' single precision steps (`VaeImageProcessor.preprocess`): 2 · (x / 255) − 1. */
export function toUnitRange(picture: Picture): Float32Array {
  return toPlanes(picture, [unitRange, unitRange, unitRange])
}

/** 0 … 255 in [−1, 1]. */
const unitRange = Float32Array.from({ length: 256 }, (_, level) => 2 * Math.fround(level / 255) - 1)

/**
 * How white each pixel of a mask is, by its red channel: [height, width], 0 (keep) … 1 (change), in the steps of
 * diffusers' `WanVACEPipeline.preprocess_conditions`. The video is kept where this is at most 0.5. Masks are resized
 * like videos, with `lanczos`.
 */
export function toMask({ width, height, data }: Picture): Float32Array {
  const mask = new Float32Array(width * height)
  for (let i = 0; i < mask.length; i++) mask[i] = maskLevels[data[i * 3]!]!
  return mask
}

const maskLevels = unitRange.map(value => Math.min(1, Math.max(0, Math.fround(value + 1) / 2)))

/**
 * The frame that stands for each of `to` parts of `from` frames: the one in the middle, torch's `nearest-exact`
 * (`WanVACEPipeline.prepare_masks` picks the mask of a latent frame so).
 */
export function nearestExactFrames(from: number, to: number): number[] {
  const scale = Math.fround(from / to)
  return Array.from({ length: to }, (_, index) =>
    Math.min(from - 1, Math.floor(Math.fround((index + 0.5) * scale))),
  )
}

/**
 * Lays a reference picture over the middle of a white canvas, as large as it fits, as diffusers'
 * `WanVACEPipeline.preprocess_conditions` does: Lanczos to the sides cut to a multiple of 8, then bilinear in single
 * precision and without smoothing, however much smaller it becomes.
 *
 * @returns [3, height, width] in [−1, 1]
 * @throws RequestError `request/invalid` when the picture is too small or narrow for that
 */
export function letterbox(picture: Picture, { width, height }: Size): Float32Array {
  const cut = { width: picture.width - (picture.width % 8), height: picture.height - (picture.height % 8) }
  if (cut.width === 0 || cut.height === 0) throw tooSmall(picture, 'at least 8x8 pixels')
  const scale = Math.min(height / cut.height, width / cut.width)
  const inner = { width: Math.trunc(cut.width * scale), height: Math.trunc(cut.height * scale) }
  if (inner.width === 0 || inner.height === 0) {
    throw tooSmall(picture, `sides that are still a pixel when it fits ${width}x${height}`)
  }
  const reference = resample(picture, cut, 'lanczos')
  const top = Math.floor((height - inner.height) / 2)
  const left = Math.floor((width - inner.width) / 2)
  const canvas = new Float32Array(3 * height * width).fill(1)
  for (let channel = 0; channel < 3; channel++) {
    const fitted = bilinear(reference, channel, inner, unitRange)
    for (let y = 0; y < inner.height; y++) {
      const row = fitted.subarray(y * inner.width, (y + 1) * inner.width)
      canvas.set(row, (channel * height + top + y) * width + left)
    }
  }
  return canvas
}

/**
 * A picture resized to cover a size and cropped at its centre: bilinear in single precision, without antialiasing (diffusers
 * `LTX2ConditionPipeline.preprocess_conditions`).
 * @returns [3, height, width] in [−1, 1]
 */
export function coverCropped(picture: Picture, { width, height }: Size): Float32Array {
  const scale = Math.max(height / picture.height, width / picture.width)
  const whole = { width: Math.ceil(picture.width * scale), height: Math.ceil(picture.height * scale) }
  const top = Math.floor((whole.height - height) / 2)
  const left = Math.floor((whole.width - width) / 2)
  const result = new Float32Array(3 * height * width)
  for (let channel = 0, at = 0; channel < 3; channel++) {
    const covering = bilinear(picture, channel, whole, plainLevels)
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++, at++) {
        result[at] = Math.fround(covering[y * whole.width + x]! / 127.5) - 1
      }
    }
  }
  return result
}

/** The levels 0 … 255 themselves. */
const plainLevels = Float32Array.from({ length: 256 }, (_, level) => level)

/**
 * torch's `interpolate(mode="bilinear", align_corners=False)` of one channel as float32. It multiplies and adds in one
 * rounding, which doubles do here.
 * @param levels the value of each of the 256 levels
 */
function bilinear(
  { width, height, data }: Picture,
  channel: number,
  to: Size,
  levels: Float32Array,
): Float32Array {
  const columns = neighbours(width, to.width)
  const rows = neighbours(height, to.height)
  const result = new Float32Array(to.width * to.height)
  const value = (pixel: number) => levels[data[pixel * 3 + channel]!]!
  for (let y = 0, at = 0; y < to.height; y++) {
    const upper = rows.before[y]! * width
    const lower = rows.after[y]! * width
    const below = rows.share[y]!
    const above = Math.fround(1 - below)
    for (let x = 0; x < to.width; x++, at++) {
      const before = columns.before[x]!
      const after = columns.after[x]!
      const share = columns.share[x]!
      const rest = Math.fround(1 - share)
      const first = Math.fround(value(upper + before) * rest + Math.fround(value(upper + after) * share))
      const second = Math.fround(value(lower + before) * rest + Math.fround(value(lower + after) * share))
      result[at] = first * above + Math.fround(second * below)
    }
  }
  return result
}

interface Neighbours {
  readonly before: Int32Array
  readonly after: Int32Array
  /** How much of the second one there is. */
  readonly share: Float32Array
}

/** The two pixels between which each pixel of the result lies. */
function neighbours(from: number, to: number): Neighbours {
  const scale = Math.fround(from / to)
  const place = Float32Array.from({ length: to }, (_, index) => Math.max(0, scale * (index + 0.5) - 0.5))
  const before = Int32Array.from(place, position => Math.min(from - 1, Math.floor(position)))
  return {
    before,
    after: before.map(pixel => Math.min(from - 1, pixel + 1)),
    share: place.map((position, index) => Math.min(1, position - before[index]!)),
  }
}

function tooSmall({ width, height }: Picture, expected: string): RequestError {
  return invalidRequest('reference', expected, `${width}x${height}`)
}
