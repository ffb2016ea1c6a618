import { RequestError } from '../errors.ts'
import type { Picture } from './decode-picture.ts'
import { type Filter, filterTaps, type Taps, weightBits } from './filter-taps.ts'

export type { Filter } from './filter-taps.ts'

export interface Size {
  /** Pixels. */
  readonly width: number
  readonly height: number
}

/** A part of a picture. */
export interface Window extends Size {
  readonly left: number
  readonly top: number
}

/**
 * Resizes a picture to the bit as Pillow 12 does (`Image.resize` of mode RGB), proportions ignored. That is how
 * diffusers resizes pictures and the frames of videos for Wan and LTX (`VaeImageProcessor.resize`, lanczos) and
 * transformers for CLIP.
 *
 * @returns a new picture, or the one given where it has that size
 * @throws RequestError `request/size` when a side is not a whole number from 1 on
 */
export function resample(picture: Picture, { width, height }: Size, filter: Filter): Picture {
  checkSize({ width, height })
  if (width === picture.width && height === picture.height) return picture
  return resampleWindow(picture, { width, height }, filter, { left: 0, top: 0, width, height })
}

/**
 * The pixels of a window of the resized picture. Only they are computed, so that the whole may be larger than memory.
 *
 * @throws RequestError `request/size` when a side of the size is not a whole number from 1 on
 * @throws RangeError when the window reaches beyond the resized picture
 */
export function resampleWindow(picture: Picture, size: Size, filter: Filter, window: Window): Picture {
  checkSize(size)
  checkWindow(size, window)
  const columns = filterTaps(picture.width, size.width, filter, window.left, window.width)
  const rows = filterTaps(picture.height, size.height, filter, window.top, window.height)
  if (shrinksTower(picture, size)) return resampleRows(resampleColumns(picture, rows), columns)
  const [first, count] = pixelsUsed(rows)
  const needed = rowsOf(picture, first, count)
  const aligned = { ...rows, starts: rows.starts.map(start => start - first) }
  const wide = copiesAll(columns, picture.width) ? needed : resampleRows(needed, columns)
  return resampleColumns(wide, aligned)
}

/** Pillow makes pictures over a hundred times as high as wide lower before it changes their width. */
function shrinksTower(picture: Picture, size: Size): boolean {
  return picture.height > picture.width * 100 && size.height < picture.height
}

/** Each row by itself: [height, taps.count, 3], rounded to 8 bits. */
function resampleRows({ width, height, data }: Picture, taps: Taps): Picture {
  const { count, span, starts, lengths, weights } = taps
  const result = new Uint8ClampedArray(height * count * 3) // It limits what overshoots.
  let at = 0
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let x = 0; x < count; x++, at += 3) {
      const end = x * span + lengths[x]!
      let pixel = (row + starts[x]!) * 3
      let red = half
      let green = half
      let blue = half
      for (let k = x * span; k < end; k++, pixel += 3) {
        const weight = weights[k]!
        red = (red + Math.imul(data[pixel]!, weight)) | 0
        green = (green + Math.imul(data[pixel + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[pixel + 2]!, weight)) | 0
      }
      result[at] = red >> weightBits
      result[at + 1] = green >> weightBits
      result[at + 2] = blue >> weightBits
    }
  }
  return { width: count, height, data: new Uint8Array(result.buffer) }
}

/** Each column by itself, in rows of sums: [taps.count, width, 3], rounded to 8 bits. */
function resampleColumns({ width, data }: Picture, taps: Taps): Picture {
  const { count, span, starts, lengths, weights } = taps
  const rowBytes = width * 3
  const result = new Uint8ClampedArray(count * rowBytes)
  const sums = new Int32Array(rowBytes)
  for (let y = 0; y < count; y++) {
    sums.fill(half)
    for (let k = 0; k < lengths[y]!; k++)
      addRow(sums, data, (starts[y]! + k) * rowBytes, weights[y * span + k]!)
    const at = y * rowBytes
    for (let i = 0; i < rowBytes; i++) result[at + i] = sums[i]! >> weightBits
  }
  return { width, height: count, data: new Uint8Array(result.buffer) }
}

function addRow(sums: Int32Array, data: Uint8Array, from: number, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i]! + Math.imul(data[from + i]!, weight)) | 0
}

/** Half of the last place that is kept, so that cutting off rounds. */
const half = 1 << (weightBits - 1)

function pixelsUsed({ count, starts, lengths }: Taps): [first: number, count: number] {
  return [starts[0]!, starts[count - 1]! + lengths[count - 1]! - starts[0]!]
}

function rowsOf({ width, data }: Picture, first: number, count: number): Picture {
  return { width, height: count, data: data.subarray(first * width * 3, (first + count) * width * 3) }
}

/** Whether every pixel goes to where it was. */
function copiesAll({ count, span, starts }: Taps, width: number): boolean {
  return count === width && span === 1 && starts.every((start, index) => start === index)
}

function checkSize(size: Size): void {
  for (const side of ['width', 'height'] as const) {
    if (Number.isSafeInteger(size[side]) && size[side] > 0) continue
    const expected = 'a whole number of pixels from 1 on'
    throw new RequestError('request/size', { subject: side, expected, got: String(size[side]) })
  }
}

function checkWindow(size: Size, { left, top, width, height }: Window): void {
  const inside = left >= 0 && top >= 0 && width > 0 && height > 0
  if (inside && left + width <= size.width && top + height <= size.height) return
  throw new RangeError(
    `window: expected one inside ${size.width}x${size.height}, got ${width}x${height} at ${left}, ${top}.`,
  )
}
