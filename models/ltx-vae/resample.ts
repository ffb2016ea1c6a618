/** Changes of resolution in the VAE of LTX-Video and LTX-2: pixels and frames that fall together become channels, and back. */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { depthToSpace, spaceToDepth } from '../../src/graph/ops/convolution.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { concat, gather, reshape, reshapeLike, slice } from '../../src/graph/ops/layout.ts'
import { meanOver } from '../../src/graph/ops/pooling.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { enteredConv, type VaeOptions, videoConv } from './blocks.ts'

/** By how much time, and height and width, are divided or multiplied. */
export interface Factors {
  readonly time: 1 | 2
  readonly space: 1 | 2
}

/** What each way of folding changes. */
export const foldings: Readonly<Record<'spatial' | 'temporal' | 'spatiotemporal', Factors>> = {
  spatial: { time: 1, space: 2 },
  temporal: { time: 2, space: 1 },
  spatiotemporal: { time: 2, space: 2 },
}

/**
 * A convolution whose result is folded into channels, plus the input folded in the same way, groups of its channels
 * averaged (diffusers `LTXVideoDownsampler3d`). The clip's first frame is doubled, so that frames fold evenly.
 * @returns [(frames + 1) / time, out, …] of frames that begin the clip, [frames / time, out, h / space, w / space]
 */
export function foldingDownsample(
  scope: Scope,
  x: Value,
  out: number,
  factors: Factors,
  options: VaeOptions,
): Value {
  const members = membersOf(factors)
  const doubled = factors.time === 2 && options.frames.begins
  const even = doubled ? concat([slice(x, 0, 0, 1), x], 0) : x // [frames + 1, in, h, w] at the beginning
  const main = fold(videoConv(scope, 'conv', even, out / members, options), factors)
  return add(main, averageChannels(fold(even, factors), main))
}

/**
 * A convolution to members / `narrowing` times the channels, which are dealt out to that many times the frames, height and
 * width (diffusers `LTXVideoUpsampler3d`, `LTX2VideoUpsampler3d`). With `residual` the input is dealt out in the same way
 * and added. Where frames are doubled, the clip's first frame is not used: the first latent frame is one frame.
 * @returns [time·frames, in / narrowing, space·h, space·w]
 */
export function unfoldingUpsample(
  scope: Scope,
  x: Value,
  { narrowing, residual, factors }: { narrowing: number; residual: boolean; factors: Factors },
  options: VaeOptions,
): Value {
  const out = Number(dimAt(x, 1)) / narrowing
  const entered = options.frames.enter(x)
  const mixed = enteredConv(scope, 'conv', entered, membersOf(factors) * out, options)
  const main = unfold(mixed, out, factors)
  return residual ? add(main, unfold(options.frames.passed(entered), out, factors)) : main
}

/** How many elements fall together. */
function membersOf({ time, space }: Factors): number {
  return time * space ** 2
}

/** [frames, c, h, w] → [frames / time, channels (c, time, row, column), h / space, w / space]. */
function fold(x: Value, { time, space }: Factors): Value {
  const channels = Number(dimAt(x, 1))
  const spread = space === 2 ? spaceToDepth(x, 2) : x // [frames, (row, column, c), h / space, w / space]
  const pixels = space * space
  const joined = time === 2 ? reshape(spread, ['*', 2 * pixels * channels, '=', '=']) : spread // [frames / time, (time, row, column, c), …]
  const members = time * pixels
  const source = Array.from({ length: channels * members }, (_, index) => {
    return (index % members) * channels + Math.floor(index / members)
  })
  return gather(joined, x.graph.ints(source), 1)
}

/**
 * [frames, channels (c, time, row, column), h, w] → [time·frames, out, space·h, space·w]; where there are fewer channels c
 * than `out`, they are repeated in turn.
 */
function unfold(x: Value, out: number, factors: Factors): Value {
  const { time, space } = factors
  const pixels = space ** 2
  const channels = Number(dimAt(x, 1)) / membersOf(factors)
  const source = Array.from({ length: membersOf(factors) * out }, (_, index) => {
    const pixel = index % pixels
    const channel = Math.floor(index / pixels) % out
    const at = Math.floor(index / (pixels * out))
    return ((channel % channels) * time + at) * pixels + pixel
  })
  const byTime = gather(x, x.graph.ints(source), 1) // [frames, (time, c, row, column), h, w]
  const spread = space === 2 ? depthToSpace(byTime, 2) : byTime // [frames, (time, c), space·h, space·w]
  return time === 2 ? reshape(spread, ['*', out, '=', '=']) : spread
}

/** Means of neighbouring channels, as many as it takes to get the shape of the main path. */
function averageChannels(x: Value, main: Value): Value {
  const out = Number(dimAt(main, 1))
  const group = Number(dimAt(x, 1)) / out
  if (group === 1) return x
  const groups = reshape(x, ['=', out, group, '*']) // [frames, out, group, h·w]
  return reshapeLike(meanOver(groups, 2), main)
}
