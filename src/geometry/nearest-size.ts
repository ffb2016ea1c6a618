import { sizeSteps, type VideoGeometry } from './video-geometry.ts'

/** The size of a picture in pixels. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/**
 * The size that a model can make which is nearest to a shape and a number of pixels: of the sizes just above and below
 * the exact one, the one with the least distance, √((ln of the ratio of aspects)² + (ln of the ratio of pixels ÷ 4)²). A
 * wrong shape counts four times as much as a wrong number of pixels, and twice the size as much as half of it.
 *
 * @param aspect width ÷ height
 * @param pixels width × height
 */
export function nearestSize(geometry: VideoGeometry, aspect: number, pixels: number): PictureSize {
  const steps = sizeSteps(geometry)
  const around = (exact: number, { first, step, last }: typeof steps.width) => {
    const below = first + Math.floor((exact - first) / step) * step
    return [
      ...new Set(
        [below - step, below, below + step, below + 2 * step].map(at => Math.min(Math.max(at, first), last)),
      ),
    ]
  }
  const heights = around(Math.sqrt(pixels / aspect), steps.height)
  const sizes = around(Math.sqrt(pixels * aspect), steps.width).flatMap(width =>
    heights.map(height => ({ width, height })),
  )
  const distance = ({ width, height }: PictureSize) =>
    Math.hypot(Math.log(width / height / aspect), Math.log((width * height) / pixels) / 4)
  return sizes.reduce((best, size) => (distance(size) < distance(best) ? size : best))
}
