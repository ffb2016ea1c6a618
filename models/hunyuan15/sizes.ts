/** The sizes that HunyuanVideo 1.5 was trained at (diffusers `pipelines/hunyuan_video1_5/image_processor.py`). */
import { nearestShape, type PictureSize } from '../../src/geometry/nearest-size.ts'

/** Longer side over shorter one, at most. */
const maxRatio = 4

/**
 * Sizes of about `target`² pixels in whole strides, from the flattest that is not beyond the ratio to the uprightest.
 * @param target side of the square of them, in pixels
 */
export function trainedSizes(target: number, stride: number): PictureSize[] {
  const cells = Math.round((target / stride) ** 2)
  const sizes: PictureSize[] = []
  let [high, wide] = [cells, 1]
  while (high > 0) {
    if (Math.max(high, wide) / Math.min(high, wide) <= maxRatio) {
      sizes.push({ width: wide * stride, height: high * stride })
    }
    if (high * (wide + 1) <= cells) wide += 1
    else high -= 1
  }
  return sizes
}

/** The size of a video that is not asked for another one and has no picture: 16:9. */
export function usualSize(sizes: readonly PictureSize[]): PictureSize {
  return nearestShape(sizes, { width: 16, height: 9 })
}
