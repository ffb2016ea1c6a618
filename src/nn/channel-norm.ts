import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { divide, maximum, multiply } from '../graph/ops/elementwise.ts'
import { l2Norm, rowwiseChannelNorm } from '../graph/ops/normalization.ts'
import type { Scope } from '../graph/scope.ts'

/**
 * x / ‖x‖ · √channels · gamma, the norm taken over the channels of a pixel: [frames, channels, h, w] → the same.
 * @param gammaRank axes of the stored gamma, all but the first of size 1
 */
export function channelNorm(scope: Scope, name: string, x: Value, gammaRank: 3 | 4): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const stored = [channels, ...new Array<number>(gammaRank - 1).fill(1)]
    if (x.graph.precision !== 'f32') {
      const scale = layer.weight('gamma', stored, { dtype: x.dtype, as: [channels] })
      return rowwiseChannelNorm(x, scale, channelNormEpsilon(channels))
    }
    const gamma = layer.weight('gamma', stored, { dtype: 'f32', as: [channels, 1, 1] })
    const unit = divide(x, maximum(l2Norm(x, 1), 1e-12)) // [frames, channels, h, w]
    return multiply(unit, multiply(gamma, Math.sqrt(channels)))
  })
}

/** What is added to the mean of squares for the same: the least norm is 1e-12, and this its square. */
export function channelNormEpsilon(channels: number): number {
  return 1e-24 / channels
}
