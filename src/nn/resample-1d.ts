/** Changes of the sampling rate of signals, [signals, 1, time], by low-pass filters. Their ends are held. */

import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { conv1d, convTranspose1d } from '../graph/ops/convolution-1d.ts'
import { multiply } from '../graph/ops/elementwise.ts'
import { repeatEdges } from '../graph/ops/layout.ts'

/** What an interpolation sees beyond the ends of a signal, and what of its result lies there. */
export interface UpsampleEdges {
  /** Samples that the first and the last one are held for. */
  readonly hold: number
  /** Samples of the result that are cut off at the start and at the end. */
  readonly crop: readonly [number, number]
}

/**
 * Interpolates to `ratio` times as many samples.
 * @param filter [1, 1, taps], of sum 1 for a gain of 1
 */
export function upsampleSignal(x: Value, filter: Value, ratio: number, edges: UpsampleEdges): Value {
  const held = repeatEdges(x, 2, edges.hold, edges.hold)
  return convTranspose1d(held, multiply(filter, ratio), undefined, { stride: ratio, crop: edges.crop })
}

/** Of a symmetric filter whose taps are a multiple of the ratio. */
export function symmetricEdges(taps: number, ratio: number): UpsampleEdges {
  const hold = Math.floor(taps / ratio) - 1
  const surplus = taps - ratio
  const before = hold * ratio + Math.floor(surplus / 2)
  return { hold, crop: [before, hold * ratio + Math.ceil(surplus / 2)] }
}

/**
 * Keeps one sample in `ratio` of a signal, after a low-pass filter.
 * @param filter [1, 1, taps], of sum 1 for a gain of 1
 */
export function downsampleSignal(x: Value, filter: Value, ratio: number): Value {
  const taps = Number(dimAt(filter, 2))
  const held = repeatEdges(x, 2, Math.ceil(taps / 2) - 1, Math.floor(taps / 2))
  return conv1d(held, filter, undefined, { stride: ratio })
}

/** Zero crossings of the sinc on either side, and the share of the band that it lets through. */
const [crossings, rolloff] = [6, 0.99]

/** A sinc under a Hann window, to interpolate with (`torchaudio.transforms.Resample`): its taps and edges. */
export function hannSinc(ratio: number): { readonly taps: Float32Array; readonly edges: UpsampleEdges } {
  const hold = Math.ceil(crossings / rolloff)
  const taps = Float32Array.from({ length: 2 * hold * ratio + 1 }, (_, index) => {
    const time = (index / ratio - hold) * rolloff
    const window = Math.cos((Math.max(-crossings, Math.min(crossings, time)) * Math.PI) / crossings / 2) ** 2
    return (sinc(time) * window * rolloff) / ratio
  })
  return { taps, edges: { hold, crop: [2 * hold * ratio, 2 * hold * ratio + 1 - ratio] } }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}
