import { linearLayer } from '../../kernels/linear/op.ts'
import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { silu } from '../graph/ops/activation.ts'
import { multiply } from '../graph/ops/elementwise.ts'
import { matmulTransposed } from '../graph/ops/matmul.ts'
import type { LowRankBranch, Scope } from '../graph/scope.ts'

export interface LinearOptions {
  /** Whether the layer has a bias. @default true */
  readonly bias?: boolean
  /** Shape of the weight in the checkpoint, where it is not [out, in] (a 1×1 convolution's is [out, in, 1, 1]). */
  readonly stored?: readonly number[]
  /** What follows the layer: GELU in its form with the hyperbolic tangent. @default nothing */
  readonly activation?: 'gelu-tanh'
}

/**
 * A linear layer y = xWᵀ + b under `<scope>.<name>`, in x's dtype; adapters of it are branches beside it. An encoded
 * weight is decoded when x is there, so that the floats of one layer at a time are in memory.
 * @param x [..., in]
 * @returns [..., out]
 */
export function linear(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  { bias: hasBias = true, stored, activation }: LinearOptions = {},
): Value {
  return scope.in(name, layer => {
    const shape = [out, Number(dimAt(x, -1))] as const
    const dtype = x.dtype
    const inFloat8 = layer.inFloat8('weight') && shape.every(size => size % float8Multiple === 0)
    const weight = inFloat8
      ? layer.float8Matrix('weight', shape, x)
      : layer.weight('weight', stored ?? shape, { dtype, as: shape, after: x })
    const added = layer.lowRank('weight', { dtype, after: x }).map(branch => throughBranch(x, branch))
    const bias = hasBias ? layer.weight('bias', [out], { dtype }) : undefined
    return linearLayer(x, { weight, bias, added, gelu: activation === 'gelu-tanh' })
  })
}

/** Sizes of a matrix that products in 8-bit floats need multiples of (cuBLAS, "cublasLtMatmul()", alignment of FP8). */
const float8Multiple = 16

/** An adapter's share of a layer, x · downᵀ · upᵀ · scale: [..., in] → [..., out]. It never becomes a matrix of W's size. */
function throughBranch(x: Value, { down, up, scale }: LowRankBranch): Value {
  const narrow = matmulTransposed(x, down) // [..., rank]
  return matmulTransposed(scale === 1 ? narrow : multiply(narrow, scale), up)
}

/** Two linear layers `linear_1` and `linear_2` with an activation between: [..., in] → [..., out]. */
export function twoLayer(scope: Scope, x: Value, out: number, activation: 'silu' | 'gelu-tanh'): Value {
  const active =
    activation === 'silu'
      ? silu(linear(scope, 'linear_1', x, out))
      : linear(scope, 'linear_1', x, out, { activation })
  return linear(scope, 'linear_2', active, out)
}
