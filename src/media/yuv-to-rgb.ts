/** Where a plane of samples begins in a buffer, and how far its rows are apart; both in bytes. */
export interface Plane {
  readonly offset: number
  readonly stride: number
}

/** How the numbers of a decoded picture are to be read. */
export interface YuvFormat {
  /** Log2 of how many pixels share a chroma sample in x and y: 1, 1 for 4:2:0; 1, 0 for 4:2:2; 0, 0 for 4:4:4. */
  readonly chromaShift: readonly [x: number, y: number]
  /** Bits of a sample: 8, or up to 16 in two bytes, the low one first. */
  readonly depth: number
  /** Cb and Cr alternate in one plane (NV12). */
  readonly interleaved: boolean
  /** Black and white are 0 and the largest number, instead of 16 and 235 of 255. */
  readonly fullRange: boolean
  /** Weights of red and blue in luma. */
  readonly weights: readonly [red: number, blue: number]
}

/** Luma weights of red and blue (ITU-T H.273, table 4). */
export const lumaWeights = {
  fcc: [0.3, 0.11],
  smpte240m: [0.212, 0.087],
  bt601: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020: [0.2627, 0.0593],
} as const

/**
 * Converts a decoded picture to RGB, [height, width, 3], 8 bits. Pixels that share a chroma sample get the same,
 * which undoes rgbToYuv() exactly but for rounding.
 */
export function yuvToRgb(
  buffer: Uint8Array,
  planes: readonly Plane[],
  width: number,
  height: number,
  format: YuvFormat,
): Uint8Array {
  const rgb = new Uint8ClampedArray(width * height * 3) // It rounds and limits.
  const sample = sampleReader(buffer, format.depth)
  const bytes = format.depth > 8 ? 2 : 1
  const [shiftX, shiftY] = format.chromaShift
  const step = format.interleaved ? 2 * bytes : bytes
  const [luma, cb] = planes as [Plane, Plane]
  const cr = planes[2] ?? { offset: cb.offset + bytes, stride: cb.stride }
  const { black, lumaScale, grey, redScale, blueScale, greenFromRed, greenFromBlue } = factors(format)
  let at = 0
  for (let y = 0; y < height; y++) {
    const row = luma.offset + y * luma.stride
    const cbRow = cb.offset + (y >> shiftY) * cb.stride
    const crRow = cr.offset + (y >> shiftY) * cr.stride
    for (let x = 0; x < width; x++, at += 3) {
      const light = (sample(row + x * bytes) - black) * lumaScale
      const blue = sample(cbRow + (x >> shiftX) * step) - grey
      const red = sample(crRow + (x >> shiftX) * step) - grey
      rgb[at] = light + red * redScale
      rgb[at + 1] = light - red * greenFromRed - blue * greenFromBlue
      rgb[at + 2] = light + blue * blueScale
    }
  }
  return new Uint8Array(rgb.buffer)
}

/** Reads the sample at a byte. */
export function sampleReader(buffer: Uint8Array, depth: number): (at: number) => number {
  return depth > 8 ? at => buffer[at]! | (buffer[at + 1]! << 8) : at => buffer[at]!
}

/** ITU-R BT.709-6, item 3, solved for red, green and blue in 0 … 255, for any weights, depth and range. */
function factors({ depth, fullRange, weights: [redWeight, blueWeight] }: YuvFormat) {
  const unit = 2 ** (depth - 8)
  const largest = 2 ** depth - 1
  const lumaScale = 255 / (fullRange ? largest : 219 * unit)
  const chromaScale = 255 / (fullRange ? largest : 224 * unit)
  const redScale = 2 * (1 - redWeight) * chromaScale
  const blueScale = 2 * (1 - blueWeight) * chromaScale
  const greenWeight = 1 - redWeight - blueWeight
  return {
    black: fullRange ? 0 : 16 * unit,
    grey: 128 * unit,
    lumaScale,
    redScale,
    blueScale,
    greenFromRed: (redScale * redWeight) / greenWeight,
    greenFromBlue: (blueScale * blueWeight) / greenWeight,
  }
}
