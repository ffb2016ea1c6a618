import type { Picture } from './decode-picture.ts'
import type { Size } from './resample.ts'

/** The middle of a picture that has the shape of another size, to a pixel. */
export function cropToShape(picture: Picture, shape: Size): Picture {
  const width = Math.min(picture.width, side((picture.height * shape.width) / shape.height))
  const height = Math.min(picture.height, side((picture.width * shape.height) / shape.width))
  if (width === picture.width && height === picture.height) return picture
  const left = (picture.width - width) >> 1
  const top = (picture.height - height) >> 1
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 3
    data.set(picture.data.subarray(from, from + width * 3), y * width * 3)
  }
  return { width, height, data }
}

function side(pixels: number): number {
  return Math.max(1, Math.round(pixels))
}
