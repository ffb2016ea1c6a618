import { invalidRequest } from '../errors.ts'
import { loadSharp } from './load-sharp.ts'

/** Enlarges every frame by a whole number: `nearest` keeps hard pixel edges, `lanczos` smooths. */
export interface Upscale {
  /** 1 … 16 */
  readonly factor: number
  readonly kernel: 'nearest' | 'lanczos'
}

/** Takes and gives one frame, [height, width, 3] RGB. */
export type FrameTransform = (frame: Uint8Array) => Promise<Uint8Array> | Uint8Array

/**
 * @param width @param height the size of the frames that will be given
 * @throws RequestError when the factor is not a whole number from 1 to 16
 */
export function upscaler(upscale: Upscale | undefined, width: number, height: number): FrameTransform {
  const factor = upscale?.factor ?? 1
  if (!Number.isInteger(factor) || factor < 1 || factor > 16) {
    const expected = 'a whole number from 1 to 16'
    throw invalidRequest('upscale.factor', expected, factor)
  }
  if (factor === 1) return frame => frame
  if (upscale?.kernel === 'nearest') return frame => repeatPixels(frame, width, height, factor)
  return async frame => {
    const sharp = loadSharp()
    return sharp(frame, { raw: { width, height, channels: 3 } })
      .resize(width * factor, height * factor, { kernel: 'lanczos3', fit: 'fill' })
      .raw()
      .toBuffer()
  }
}

/** Every pixel becomes a square of factor x factor pixels. */
export function repeatPixels(frame: Uint8Array, width: number, height: number, factor: number): Uint8Array {
  const rowBytes = width * factor * 3
  const result = new Uint8Array(rowBytes * height * factor)
  for (let y = 0; y < height; y++) {
    const start = y * factor * rowBytes
    let at = start
    for (let pixel = y * width * 3; pixel < (y + 1) * width * 3; pixel += 3) {
      for (let copy = 0; copy < factor; copy++, at += 3) {
        result[at] = frame[pixel]!
        result[at + 1] = frame[pixel + 1]!
        result[at + 2] = frame[pixel + 2]!
      }
    }
    for (let copy = 1; copy < factor; copy++)
      result.copyWithin(start + copy * rowBytes, start, start + rowBytes)
  }
  return result
}
