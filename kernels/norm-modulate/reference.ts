/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { filledLike } from '../../src/graph/ops/constant.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
import { grouped, reshapeLike } from '../../src/graph/ops/layout.ts'
import { layerNorm, rmsNorm } from '../../src/graph/ops/normalization.ts'

export interface Modulation {
  readonly scale: Value
  readonly shift: Value
}

export interface NormModulateOptions {
  /** Layer normalisation takes the mean off, root mean square normalisation does not. */
  readonly norm: 'layer' | 'rms'
  readonly epsilon: number
  /** What is added to the scale: 1 where it is a deviation from 1, 0 for the weight of a norm. */
  readonly offset: 0 | 1
}

/** x [..., rows, width], computed in f32, given back in x's dtype. */
export function normalizedAndModulated(
  x: Value,
  { scale, shift }: Modulation,
  { norm, epsilon, offset }: NormModulateOptions,
): Value {
  const wide = cast(x, 'f32')
  const gamma = offset === 0 ? scale : add(scale, offset)
  if (gamma.shape.length === 1) return cast(weighted(wide, gamma, shift, norm, epsilon), x.dtype)
  if (x.graph.precision === 'f32') {
    // For a CPU, whose norm with weights of groups takes longer than the product and the sum after one without.
    const unit = norm === 'layer' ? layerNorm(wide, epsilon) : rmsNorm(wide, onesOf(wide), epsilon)
    return add(multiply(unit, gamma), shift)
  }
  const rows = weighted(grouped(wide), grouped(gamma), grouped(shift), norm, epsilon) // [groups, rows, width]
  return reshapeLike(cast(rows, x.dtype), x)
}

/** The scale and the shift are the norm's weight and bias: one pass, or two for a norm that has no bias. */
function weighted(
  x: Value,
  scale: Value,
  shift: Value,
  norm: NormModulateOptions['norm'],
  epsilon: number,
): Value {
  return norm === 'layer'
    ? layerNorm(x, epsilon, { scale, bias: shift })
    : add(rmsNorm(x, scale, epsilon), shift)
}

function onesOf(x: Value): Value {
  return filledLike(x, [Number(dimAt(x, -1))], 1)
}
