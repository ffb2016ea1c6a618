/** Patches of a picture as channels, in the order (channel, column, row) that video VAEs keep them in. */

import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { depthToSpace, spaceToDepth } from '../graph/ops/convolution.ts'
import { gather } from '../graph/ops/layout.ts'

/** Pixels into channels (c, column, row): [n, c, h·size, w·size] → [n, c·size², h, w]. */
export function patchify(x: Value, size: number): Value {
  const channels = Number(dimAt(x, 1))
  const source = channelOrder(channels, size, (channel, column, row) => {
    return (row * size + column) * channels + channel
  })
  return gather(spaceToDepth(x, size), x.graph.ints(source), 1)
}

/** Channels (c, column, row) into pixels: [n, c·size², h, w] → [n, c, h·size, w·size]. */
export function unpatchify(x: Value, size: number): Value {
  const channels = Number(dimAt(x, 1)) / (size * size)
  // DepthToSpace takes (c, row, column): the second and the third change places.
  const source = channelOrder(channels, size, (channel, row, column) => {
    return (channel * size + column) * size + row
  })
  return depthToSpace(gather(x, x.graph.ints(source), 1), size)
}

/** The index that `source` gives for every (channel, a, b), b fastest. */
function channelOrder(
  channels: number,
  size: number,
  source: (channel: number, a: number, b: number) => number,
): number[] {
  return Array.from({ length: channels * size * size }, (_, index) => {
    return source(Math.floor(index / (size * size)), Math.floor(index / size) % size, index % size)
  })
}
