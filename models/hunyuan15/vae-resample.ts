/**
 * Changes of resolution in the HunyuanVideo 1.5 VAE (DC-AE, Chen et al. 2024; diffusers `HunyuanVideo15Upsample`,
 * `HunyuanVideo15Downsample`): pixels and frames become channels and back, around which a shortcut without weights goes.
 * Channels are in the order (frame, row, column, c). The first frame of a clip is neither halved nor doubled in time.
 */
import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { depthToSpace, spaceToDepth } from '../../src/graph/ops/convolution.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { concat, gather, reshape, reshapeLike, slice } from '../../src/graph/ops/layout.ts'
import { meanOver } from '../../src/graph/ops/pooling.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { splitFrames } from '../../src/nn/causal-blocks.ts'
import type { CausalCaches } from '../../src/nn/causal-conv.ts'
import { convolution } from './vae-blocks.ts'

/** Doubles height and width, and with `time` the frames: [frames, in, h, w] → [frames or 2·frames, out, 2h, 2w]. */
export function upsample(scope: Scope, x: Value, out: number, time: boolean, caches: CausalCaches): Value {
  const channels = Number(dimAt(x, 1))
  const factor = time ? 8 : 4
  const packed = convolution(scope, 'conv', x, factor * out, caches) // [frames, factor·out, h, w]
  if (!time) return add(pixelsOf(packed), pixelsOf(repeatChannels(x, (4 * out) / channels)))
  if (caches.first) {
    const main = slice(pixelsOf(packed), 1, 0, out) // [1, out, 2h, 2w]
    return add(main, repeatChannels(pixelsOf(x), (4 * out) / channels))
  }
  return add(
    pixelsOf(splitFrames(packed, 2)),
    repeatChannels(pixelsOf(splitFrames(x, 2)), (8 * out) / channels),
  )
}

/**
 * Halves height and width of a clip's first frame: [1, in, 2h, 2w] → [1, out, h, w].
 * @param time whether frames are halved as well, as those after the first would be
 */
export function downsampleFirst(
  scope: Scope,
  x: Value,
  out: number,
  time: boolean,
  caches: CausalCaches,
): Value {
  const packed = convolution(scope, 'conv', x, out / (time ? 8 : 4), caches)
  const channels = spaceToDepth(packed, 2) // [1, out or out/2, h, w]
  const main = time ? concat([channels, channels], 1) : channels
  return add(main, groupMeans(spaceToDepth(x, 2), main))
}

/** The means of neighbouring channels, as many as another value has: [n, in, h, w] → the shape of `like`. */
export function groupMeans(x: Value, like: Value): Value {
  const out = Number(dimAt(like, 1))
  const groups = reshape(x, ['=', out, Number(dimAt(x, 1)) / out, '*']) // [n, out, members, pixels]
  return reshapeLike(meanOver(groups, 2), like)
}

/** Every channel so many times in a row: [n, c, h, w] → [n, c·times, h, w]. */
export function repeatChannels(x: Value, times: number): Value {
  if (times === 1) return x
  const channels = Number(dimAt(x, 1))
  const source = Array.from({ length: channels * times }, (_, index) => Math.floor(index / times))
  return gather(x, x.graph.ints(source), 1)
}

/** [n, (row, column, c), h, w] → [n, c, 2h, 2w] */
function pixelsOf(x: Value): Value {
  return depthToSpace(x, 2, 'channel-last')
}
