/** Spectrograms whose Fourier transform is a convolution with stored sinusoids under their window. */

import type { Value } from '../graph/graph.ts'
import { conv1d } from '../graph/ops/convolution-1d.ts'
import { add, logarithm, maximum, multiply, squareRoot } from '../graph/ops/elementwise.ts'
import { padBefore, split } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'

export interface MelOptions {
  /** Samples of a window. */
  readonly window: number
  /** Samples from one window to the next. */
  readonly hop: number
  readonly bins: number
  /** What magnitudes are at least, before their logarithm. */
  readonly floor: number
}

/**
 * The logarithm of a mel spectrogram whose windows end with their hop: `<scope>.stft_fn.forward_basis` holds the real and
 * then the imaginary sinusoids, `<scope>.mel_basis` the filters.
 * @param x [signals, 1, hop · time]
 * @returns [signals, bins, time]
 */
export function causalLogMel(scope: Scope, x: Value, { window, hop, bins, floor }: MelOptions): Value {
  const frequencies = Math.floor(window / 2) + 1
  const basis = scope.weight('stft_fn.forward_basis', [2 * frequencies, 1, window])
  const spectrum = conv1d(padBefore(x, 2, window - hop), basis, undefined, { stride: hop })
  const [real, imaginary] = split(spectrum, 1, 2) as [Value, Value] // [signals, frequencies, time]
  const magnitude = squareRoot(add(multiply(real, real), multiply(imaginary, imaginary)))
  const filters = scope.weight('mel_basis', [bins, frequencies], { as: [bins, frequencies, 1] })
  return logarithm(maximum(conv1d(magnitude, filters, undefined), floor))
}
