import type { Picture } from './decode-picture.ts'
import { resampleWindow, type Size } from './resample.ts'

/**
 * A picture resized to cover a frame and cropped at its centre, bit for bit as in diffusers
 * (`VaeImageProcessor._resize_and_crop`, Lanczos). The side that overflows is rounded down to whole pixels.
 */
export function coverFrame(picture: Picture, frame: Size): Picture {
  const { width, height } = frame
  const isWider = picture.width * height >= picture.height * width
  const whole = isWider
    ? { width: Math.floor((picture.width * height) / picture.height), height }
    : { width, height: Math.floor((picture.height * width) / picture.width) }
  const left = Math.floor(whole.width / 2) - Math.floor(width / 2)
  const top = Math.floor(whole.height / 2) - Math.floor(height / 2)
  return resampleWindow(picture, whole, 'lanczos', { left, top, width, height })
}
