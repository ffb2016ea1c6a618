import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { cast } from '../graph/ops/cast.ts'
import { filledLike } from '../graph/ops/constant.ts'
import { layerNorm, rmsNorm } from '../graph/ops/normalization.ts'
import type { Scope } from '../graph/scope.ts'

/** RMS normalisation with the weight `<scope>.<name>.weight`, over the last axis, in x's dtype. */
export function rmsNormLayer(scope: Scope, name: string, x: Value, epsilon: number): Value {
  return scope.in(name, () => rmsNorm(x, normWeight(scope, name, x), epsilon))
}

/** The weight `<scope>.<name>.weight` of a norm over the last axis of x, in x's dtype. */
export function normWeight(scope: Scope, name: string, x: Value): Value {
  return scope.in(name, layer => layer.weight('weight', [Number(dimAt(x, -1))], { dtype: x.dtype }))
}

/** RMS normalisation without a weight, over the last axis, computed in f32, given back in x's dtype. */
export function plainRmsNorm(x: Value, epsilon: number): Value {
  const wide = cast(x, 'f32')
  return cast(rmsNorm(wide, filledLike(wide, [Number(dimAt(x, -1))], 1), epsilon), x.dtype)
}

/** Layer normalisation with the weight and bias of `<scope>.<name>`, computed in f32, given back in x's dtype. */
export function layerNormLayer(scope: Scope, name: string, x: Value, epsilon: number): Value {
  return scope.in(name, layer => {
    const shape = [Number(dimAt(x, -1))]
    const scale = layer.weight('weight', shape, { dtype: 'f32' })
    const bias = layer.weight('bias', shape, { dtype: 'f32' })
    return cast(layerNorm(cast(x, 'f32'), epsilon, { scale, bias }), x.dtype)
  })
}
