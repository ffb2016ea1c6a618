/** The parameter-free shortcuts of the residual VAE of Wan 2.2 (DC-AE, Chen et al. 2024). */
import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { depthToSpace } from '../../src/graph/ops/convolution.ts'
import { gather, padBefore, reshape, reshapeLike, slice } from '../../src/graph/ops/layout.ts'
import { averagePool, meanOver } from '../../src/graph/ops/pooling.ts'
import { splitFrames } from '../../src/nn/causal-blocks.ts'

/**
 * The parameter-free shortcut upwards (`DupUp3D`): channels are repeated and dealt out to
 * twice the height and width, and to `timeFactor` frames. `like` is the main path's result.
 */
export function duplicateUp(x: Value, like: Value, timeFactor: 1 | 2, first: boolean): Value {
  const channels = Number(dimAt(x, 1))
  const out = Number(dimAt(like, 1))
  const repeats = (out * timeFactor * 4) / channels
  const source = Array.from({ length: channels * repeats }, (_, index) => Math.floor(index / repeats))
  const repeated = gather(x, x.graph.ints(source), 1) // [frames, out·timeFactor·4, h, w]
  const spread = depthToSpace(repeated, 2) // [frames, out·timeFactor, 2h, 2w]
  if (timeFactor === 1) return spread
  // The channels are (out, time): bring them to (time, out), so that time can join the frames.
  const byTime = x.graph.ints(interleaved(timeFactor, out))
  const frames = splitFrames(gather(spread, byTime, 1), 2) // [2·frames, out, 2h, 2w]
  return first ? slice(frames, 0, 1) : frames
}

/**
 * The parameter-free shortcut downwards (`AvgDown3D`): pixels and frames that fall together become channels, and
 * groups of neighbouring channels are averaged. `like` is the main path's result.
 */
export function averageDown(x: Value, like: Value, timeFactor: 1 | 2, spaceFactor: 1 | 2): Value {
  const channels = Number(dimAt(x, 1))
  const out = Number(dimAt(like, 1))
  const group = (channels * timeFactor * spaceFactor * spaceFactor) / out
  if (group % (spaceFactor * spaceFactor) !== 0) {
    throw x.graph.invalid(
      'AvgDown3D',
      `groups that hold whole ${spaceFactor}×${spaceFactor} windows`,
      `${group}`,
    )
  }
  const pooled = spaceFactor === 1 ? x : averagePool(x, spaceFactor) // [frames, channels, h/s, w/s]
  const even = timeFactor === 2 && dimAt(x, 0) === 1 ? padBefore(pooled, 0, 1) : pooled
  const joined = reshape(even, ['*', timeFactor * channels, '=', '=']) // [n, (time, channels), h/s, w/s]
  const byChannel = joined.graph.ints(interleaved(channels, timeFactor))
  const ordered = timeFactor === 1 ? joined : gather(joined, byChannel, 1) // [n, (channels, time), h/s, w/s]
  const groups = reshape(ordered, ['=', out, group / (spaceFactor * spaceFactor), '*']) // [n, out, members, pixels]
  return reshapeLike(meanOver(groups, 2), like)
}

/** Where to pick from, so that channels laid out as (columns, rows) come out as (rows, columns). */
function interleaved(rows: number, columns: number): number[] {
  return Array.from(
    { length: rows * columns },
    (_, index) => (index % columns) * rows + Math.floor(index / columns),
  )
}
