import type { ColourMatrix } from './colour-matrix.ts'
import { fromConstantLuminance } from './constant-luminance.ts'
import type { PixelLayout } from './pixel-layout.ts'
import { type Plane, sampleReader, yuvToRgb } from './yuv-to-rgb.ts'

/** A decoded picture in memory. */
export interface DecodedPlanes {
  readonly buffer: Uint8Array
  readonly planes: readonly Plane[]
  readonly width: number
  readonly height: number
}

/** Converts a decoded picture to RGB, [height, width, 3], 8 bits. */
export function planesToRgb(
  picture: DecodedPlanes,
  layout: PixelLayout,
  matrix: ColourMatrix,
  fullRange: boolean,
): Uint8Array {
  const { buffer, planes, width, height } = picture
  if (layout.kind === 'grey') return greyToRgb(picture, layout, fullRange)
  if (layout.kind === 'gbr') return eachPixel(picture, layout, true, fromIdentity)
  if (matrix.kind === 'weights') {
    return yuvToRgb(buffer, planes, width, height, { ...layout, fullRange, weights: matrix.weights })
  }
  return eachPixel(picture, layout, fullRange, conversions[matrix.kind])
}

function greyToRgb(
  { buffer, planes, width, height }: DecodedPlanes,
  { depth }: PixelLayout,
  fullRange: boolean,
): Uint8Array {
  const sample = sampleReader(buffer, depth)
  const { black, span } = lumaLevels(depth, fullRange)
  const [{ offset, stride }] = planes as [Plane]
  const rgb = new Uint8ClampedArray(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const level = ((sample(offset + y * stride + x * (depth > 8 ? 2 : 1)) - black) * 255) / span
      rgb.fill(level, at, at + 3)
    }
  }
  return new Uint8Array(rgb.buffer)
}

/** Red, green and blue in 0 … 1 of the three samples of a pixel: the first in 0 … 1, the others around 0. */
type Conversion = (first: number, second: number, third: number) => readonly [number, number, number]

/** The identity has green, blue and red; blue and red were shifted to lie around 0 like colour differences. */
const fromIdentity: Conversion = (green, blue, red) => [red + 0.5, green, blue + 0.5]

const conversions: Readonly<Record<Exclude<ColourMatrix['kind'], 'weights'>, Conversion>> = {
  identity: fromIdentity,
  // ITU-T H.273, 8.3: G = Y + Cg, and of t = Y − Cg, R = t + Co and B = t − Co.
  ycgco: (luma, cg, co) => [luma - cg + co, luma + cg, luma - cg - co],
  'constant-luminance': fromConstantLuminance,
}

function eachPixel(
  { buffer, planes, width, height }: DecodedPlanes,
  { chromaShift: [shiftX, shiftY], depth }: PixelLayout,
  fullRange: boolean,
  convert: Conversion,
): Uint8Array {
  const sample = sampleReader(buffer, depth)
  const bytes = depth > 8 ? 2 : 1
  const { black, span } = lumaLevels(depth, fullRange)
  const identity = convert === fromIdentity
  const centre = identity ? black + span / 2 : 2 ** (depth - 1)
  const chromaSpan = identity ? span : fullRange ? span : (span * 224) / 219
  const [first, second, third] = planes as [Plane, Plane, Plane]
  const rgb = new Uint8ClampedArray(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    const [firstRow, secondRow, thirdRow] = [
      first.offset + y * first.stride,
      second.offset + (y >> shiftY) * second.stride,
      third.offset + (y >> shiftY) * third.stride,
    ]
    for (let x = 0; x < width; x++, at += 3) {
      const [red, green, blue] = convert(
        (sample(firstRow + x * bytes) - black) / span,
        (sample(secondRow + (x >> shiftX) * bytes) - centre) / chromaSpan,
        (sample(thirdRow + (x >> shiftX) * bytes) - centre) / chromaSpan,
      )
      rgb[at] = red * 255
      rgb[at + 1] = green * 255
      rgb[at + 2] = blue * 255
    }
  }
  return new Uint8Array(rgb.buffer)
}

/** The number of black, and how far white is from it. */
function lumaLevels(depth: number, fullRange: boolean): { readonly black: number; readonly span: number } {
  const unit = 2 ** (depth - 8)
  return fullRange ? { black: 0, span: 2 ** depth - 1 } : { black: 16 * unit, span: 219 * unit }
}
