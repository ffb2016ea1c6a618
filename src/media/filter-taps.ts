/**
 * Which pixels of a row (or column) every pixel of the resized one is made of, and with what weights: numerically
 * Pillow 12's `Resample.c` (`precompute_coeffs`, `normalize_coeffs_8bpc`), and `Geometry.c` (`ImagingScaleAffine`) for
 * the nearest pixel.
 */

/** Names of Pillow's `Image.Resampling`, in small letters. */
export type Filter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos'

/** Bits after the point of a weight: 8 bits of a pixel and 2 for overshoot leave as many of 32. */
export const weightBits = 22

/** For `count` neighbouring pixels of the result: weights[i · span + k] belongs to source pixel starts[i] + k. */
export interface Taps {
  readonly count: number
  readonly span: number
  readonly starts: Int32Array
  /** How many of the `span` weights are used. */
  readonly lengths: Int32Array
  /** Fixed point, `weightBits` after the point. */
  readonly weights: Int32Array
}

interface Kernel {
  /** Beyond this distance the weight is 0. */
  readonly support: number
  weight(distance: number): number
}

/**
 * @param from pixels of the source along the axis
 * @param to pixels of the whole result
 * @param first @param count the part of the result that is wanted
 */
export function filterTaps(from: number, to: number, filter: Filter, first: number, count: number): Taps {
  if (from === to) return singleTaps(Int32Array.from({ length: count }, (_, index) => first + index))
  if (filter === 'nearest') return singleTaps(nearestPixels(from, to, first, count))
  return kernelTaps(from, to, kernels[filter], first, count)
}

function singleTaps(starts: Int32Array): Taps {
  const count = starts.length
  const weights = new Int32Array(count).fill(1 << weightBits)
  return { count, span: 1, starts, lengths: new Int32Array(count).fill(1), weights }
}

/** The step is added up, as Pillow does it: multiplying would round otherwise. */
function nearestPixels(from: number, to: number, first: number, count: number): Int32Array {
  const step = from / to
  const pixels = new Int32Array(count)
  let position = step * 0.5
  for (let index = 0; index < first + count; index++, position += step) {
    if (index >= first) pixels[index - first] = Math.trunc(position)
  }
  return pixels
}

function kernelTaps(from: number, to: number, kernel: Kernel, first: number, count: number): Taps {
  const scale = from / to
  const stretch = Math.max(1, scale)
  const support = kernel.support * stretch
  const span = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(count)
  const lengths = new Int32Array(count)
  const weights = new Int32Array(count * span)
  const exact = new Float64Array(span)
  for (let index = 0; index < count; index++) {
    const centre = (first + index + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const length = Math.min(from, Math.trunc(centre + support + 0.5)) - start
    let sum = 0
    for (let k = 0; k < length; k++) {
      exact[k] = kernel.weight((k + start - centre + 0.5) * (1 / stretch))
      sum += exact[k]!
    }
    for (let k = 0; k < length; k++)
      weights[index * span + k] = toFixed(sum === 0 ? exact[k]! : exact[k]! / sum)
    starts[index] = start
    lengths[index] = length
  }
  return { count, span, starts, lengths, weights }
}

function toFixed(weight: number): number {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * (1 << weightBits))
}

const kernels: Readonly<Record<Exclude<Filter, 'nearest'>, Kernel>> = {
  box: { support: 0.5, weight: x => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: x => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: x => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/** A sinc under a Hamming window; its constants are single precision in Pillow. */
function hamming(x: number): number {
  if (Math.abs(x) >= 1) return 0
  return sinc(Math.abs(x)) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI))
}

/** Keys' cubic convolution with a = −1/2. */
function bicubic(x: number): number {
  const distance = Math.abs(x)
  if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * -0.5
  return 0
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}
