/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { rotaryEmbedding } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { reshape } from '../../src/graph/ops/layout.ts'
import { rmsNorm } from '../../src/graph/ops/normalization.ts'

/**
 * x [batch, tokens, width], normalised in its dtype, turned in f32, given back in its dtype. The kernel has the same
 * arithmetic without the rounding in between.
 */
export function normalizedAndRotated(
  x: Value,
  scale: Value,
  rotary: { readonly cos: Value; readonly sin: Value },
  { epsilon, headDim }: { readonly epsilon: number; readonly headDim: number },
): Value {
  return cast(rotated(cast(rmsNorm(x, scale, epsilon), 'f32'), rotary, headDim), x.dtype)
}

function rotated(
  x: Value,
  { cos, sin }: { readonly cos: Value; readonly sin: Value },
  headDim: number,
): Value {
  const width = Number(dimAt(x, 2))
  if (dimAt(cos, 2) === headDim / 2) return rotaryEmbedding(x, { cos, sin }, width / headDim)
  // Other angles for every head. To the op a head is a token of its own: pairs never cross heads, and the rows of the
  // tables are cut as those of x.
  const table = (whole: Value) => reshape(whole, ['=', '*', headDim / 2]) // [batch, heads·tokens, headDim / 2]
  const heads = reshape(x, ['=', '*', headDim]) // [batch, heads·tokens, headDim]
  const turned = rotaryEmbedding(heads, { cos: table(cos), sin: table(sin) }, 1)
  return reshape(turned, ['=', '*', width]) // [batch, tokens, width]
}
