import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import type { Scope } from '../graph/scope.ts'
import { linear } from './linear.ts'

/** Two layers with the tanh form of GELU between them (diffusers `FeedForward`): [..., width] → the same. */
export function feedForward(
  scope: Scope,
  x: Value,
  hidden: number,
  { bias = true }: { readonly bias?: boolean } = {},
): Value {
  const inner = linear(scope, 'net.0.proj', x, hidden, { bias, activation: 'gelu-tanh' })
  return linear(scope, 'net.2', inner, Number(dimAt(x, -1)), { bias })
}
