import type { Steps } from './steps.ts'
import { canMake, sizeSteps, type VideoGeometry } from './video-geometry.ts'

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

/** A picture whose number of pixels is off by no more than this factor keeps its size. */
const nearPixels = 1.5

/**
 * The size of a video that is made of a picture: that of the picture where the model can make it and it is about as large
 * as `pixels`, else the nearest one of its shape. A side that is given stays, and the other follows it.
 */
export function sizeLike(
  geometry: VideoGeometry,
  picture: PictureSize,
  pixels: number,
  { width, height }: { readonly width?: number | undefined; readonly height?: number | undefined } = {},
): PictureSize {
  const aspect = picture.width / picture.height
  const steps = sizeSteps(geometry)
  if (width !== undefined) return { width, height: height ?? nearestStep(width / aspect, steps.height) }
  if (height !== undefined) return { width: nearestStep(height * aspect, steps.width), height }
  const ratio = (picture.width * picture.height) / pixels
  if (canMake(geometry, picture) && ratio <= nearPixels && ratio >= 1 / nearPixels) {
    return { width: picture.width, height: picture.height }
  }
  return nearestSize(geometry, aspect, pixels)
}

function nearestStep(value: number, { first, step, last }: Steps): number {
  return Math.min(Math.max(first + Math.round((value - first) / step) * step, first), last)
}

/**
 * The size of a list whose shape is nearest to a picture's, and no further from a square: of shapes equally near, the
 * first (`get_closest_ratio` in diffusers' image processors).
 * @param sizes at least one, of which one is square or nearly so
 */
export function nearestShape(sizes: readonly PictureSize[], picture: PictureSize): PictureSize {
  const wanted = picture.height / picture.width
  // The reference rounds the ratios of its list.
  const ratios = sizes.map(({ width, height }) => ({
    width,
    height,
    ratio: Number((height / width).toFixed(5)),
  }))
  const inside = ratios.filter(({ ratio }) => (wanted >= 1 ? ratio <= wanted : ratio >= wanted))
  const candidates = inside.length === 0 ? ratios : inside
  const distance = ({ ratio }: { readonly ratio: number }) => Math.abs(ratio - wanted)
  const { width, height } = candidates.reduce((best, size) => (distance(size) < distance(best) ? size : best))
  return { width, height }
}
