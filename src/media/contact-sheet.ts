import { invalidRequest } from '../errors.ts'
import { loadSharp } from './load-sharp.ts'
import { repeatPixels } from './upscale.ts'

export interface ContactSheetOptions {
  /** [n, height, width, 3] RGB, n ≥ 1 */
  readonly frames: Uint8Array
  readonly width: number
  readonly height: number
  /** How many frames to show, evenly spread from the first to the last; all by default. */
  readonly count?: number
  /** Pictures in a row; by default as many as make the sheet about square. */
  readonly columns?: number
  /** Pixels between and around the pictures, in light grey; 2 by default. */
  readonly gap?: number
  /** Makes every pixel a square of this many; 1 by default. */
  readonly factor?: number
}

/**
 * Lays the frames of a clip side by side, row by row, for people to look at.
 *
 * @returns the bytes of a PNG file
 * @throws RequestError when the frames are not of the size given, or there are none
 */
export async function contactSheet(options: ContactSheetOptions): Promise<Uint8Array> {
  const { frames, width, height, gap = 2, factor = 1 } = options
  const frameBytes = width * height * 3
  const total = frames.length / frameBytes
  if (!Number.isInteger(total) || total === 0) {
    const expected = `one or more frames of ${width}x${height}, a multiple of ${frameBytes} bytes`
    throw invalidRequest('frames', expected, frames.length)
  }
  const shown = spread(total, Math.min(options.count ?? total, total))
  const columns = options.columns ?? columnsOf(shown.length, width, height)
  const rows = Math.ceil(shown.length / columns)
  const cell = { width: width * factor, height: height * factor }
  const sheet = { width: gap + columns * (cell.width + gap), height: gap + rows * (cell.height + gap) }
  const pixels = new Uint8Array(sheet.width * sheet.height * 3).fill(224)
  shown.forEach((frame, place) => {
    const picture = repeatPixels(
      frames.subarray(frame * frameBytes, (frame + 1) * frameBytes),
      width,
      height,
      factor,
    )
    const left = gap + (place % columns) * (cell.width + gap)
    const top = gap + Math.floor(place / columns) * (cell.height + gap)
    for (let y = 0; y < cell.height; y++) {
      const row = picture.subarray(y * cell.width * 3, (y + 1) * cell.width * 3)
      pixels.set(row, ((top + y) * sheet.width + left) * 3)
    }
  })
  const sharp = loadSharp()
  return sharp(pixels, { raw: { ...sheet, channels: 3 } })
    .png()
    .toBuffer()
}

/** `count` whole numbers from 0 to total − 1, evenly apart, with both ends. */
function spread(total: number, count: number): number[] {
  const step = count > 1 ? (total - 1) / (count - 1) : 0
  return Array.from({ length: count }, (_, index) => Math.round(index * step))
}

function columnsOf(count: number, width: number, height: number): number {
  return Math.min(count, Math.max(1, Math.round(Math.sqrt((count * height) / width))))
}
