import type { Value } from '../graph/graph.ts'
import { transpose } from '../graph/ops/layout.ts'
import { rmsNorm } from '../graph/ops/normalization.ts'

/**
 * Root mean square normalisation over the channels of every pixel, x / √(mean(x²) + ε) · scale, in x's dtype with sums in
 * f32. For a GPU: a reduction over an axis between others is one of cuDNN's slow ones there, and the norm of rows is a
 * kernel that reads every row once, so the channels go last and back.
 * @param x [frames, channels, h, w]
 * @param scale [channels], in x's dtype
 */
export function rowwiseChannelNorm(x: Value, scale: Value, epsilon: number): Value {
  const pixels = transpose(x, [0, 2, 3, 1]) // [frames, h, w, channels]
  return transpose(rmsNorm(pixels, scale, epsilon), [0, 3, 1, 2]) // [frames, channels, h, w]
}
