/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { filledLike } from '../../src/graph/ops/constant.ts'
import { add, multiply } from '../../src/graph/ops/elementwise.ts'
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
  const ownWeight = offset === 0 && scale.shape.length === 1
  if (norm === 'layer' && ownWeight) return cast(layerNorm(wide, epsilon, { scale, bias: shift }), x.dtype)
  const ones = filledLike(wide, [Number(dimAt(wide, -1))], 1)
  const unit = norm === 'layer' ? layerNorm(wide, epsilon) : rmsNorm(wide, ones, epsilon)
  const gamma = offset === 0 ? scale : add(scale, offset)
  return cast(add(multiply(unit, gamma), shift), x.dtype)
}
