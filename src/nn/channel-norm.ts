import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { divide, maximum, multiply } from '../graph/ops/elementwise.ts'
import { transpose } from '../graph/ops/layout.ts'
import { l2Norm, rmsNorm } from '../graph/ops/normalization.ts'
import type { Scope } from '../graph/scope.ts'

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

/**
 * x / ‖x‖ · √channels · gamma, the norm taken over the channels of a pixel: [frames, channels, h, w] → the same.
 * @param gammaRank axes of the stored gamma, all but the first of size 1
 */
export function channelNorm(scope: Scope, name: string, x: Value, gammaRank: 3 | 4): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const stored = [channels, ...new Array<number>(gammaRank - 1).fill(1)]
    if (x.graph.precision !== 'f32') {
      // The least norm is 1e-12: its square is what is added to that of the norm.
      const scale = layer.weight('gamma', stored, { dtype: x.dtype, as: [channels] })
      return rowwiseChannelNorm(x, scale, 1e-24 / channels)
    }
    const gamma = layer.weight('gamma', stored, { dtype: 'f32', as: [channels, 1, 1] })
    const unit = divide(x, maximum(l2Norm(x, 1), 1e-12)) // [frames, channels, h, w]
    return multiply(unit, multiply(gamma, Math.sqrt(channels)))
  })
}
