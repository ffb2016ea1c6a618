import { float8Product } from '../../kernels/linear/op.ts'
import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { gelu, silu } from '../graph/ops/activation.ts'
import { add, multiply } from '../graph/ops/elementwise.ts'
import { matmulTransposed } from '../graph/ops/matmul.ts'
import type { LowRankBranch, Scope } from '../graph/scope.ts'

export interface LinearOptions {
  /** Whether the layer has a bias. @default true */
  readonly bias?: boolean
  /** Shape of the weight in the checkpoint, where it is not [out, in] (a 1×1 convolution's is [out, in, 1, 1]). */
  readonly stored?: readonly number[]
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
  options: LinearOptions = {},
): Value {
  return scope.in(name, layer => {
    const width = Number(dimAt(x, -1))
    const dtype = x.dtype
    const product = layer.lowRank('weight', { dtype, after: x }).reduce(
      (sum, branch) => add(sum, throughBranch(x, branch)),
      productWithWeight(layer, x, { shape: [out, width], stored: options.stored }), // [..., out]
    )
    return options.bias === false ? product : add(product, layer.weight('bias', [out], { dtype }))
  })
}

/** Sizes of a matrix that products in 8-bit floats need multiples of (cuBLAS, "cublasLtMatmul()", alignment of FP8). */
const float8Multiple = 16

/** x · Wᵀ for the scope's weight [out, in]: in 8-bit floats where its source says so and its sizes allow it. */
function productWithWeight(
  layer: Scope,
  x: Value,
  {
    shape,
    stored = shape,
  }: { readonly shape: readonly [number, number]; readonly stored: readonly number[] | undefined },
): Value {
  if (layer.inFloat8('weight') && shape.every(size => size % float8Multiple === 0)) {
    return float8Product(x, layer.float8Matrix('weight', shape, x))
  }
  return matmulTransposed(x, layer.weight('weight', stored, { dtype: x.dtype, as: shape, after: x }))
}

/** An adapter's share of a layer, x · downᵀ · upᵀ · scale: [..., in] → [..., out]. It never becomes a matrix of W's size. */
function throughBranch(x: Value, { down, up, scale }: LowRankBranch): Value {
  const narrow = matmulTransposed(x, down) // [..., rank]
  return matmulTransposed(scale === 1 ? narrow : multiply(narrow, scale), up)
}

/** Two linear layers `linear_1` and `linear_2` with an activation between: [..., in] → [..., out]. */
export function twoLayer(scope: Scope, x: Value, out: number, activation: 'silu' | 'gelu-tanh'): Value {
  const hidden = linear(scope, 'linear_1', x, out)
  const active = activation === 'silu' ? silu(hidden) : gelu(hidden, 'tanh')
  return linear(scope, 'linear_2', active, out)
}
