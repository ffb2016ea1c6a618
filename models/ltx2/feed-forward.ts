import type { Value } from '../../src/graph/graph.ts'
import { gelu } from '../../src/graph/ops/activation.ts'
import type { Scope } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'

/** Two layers with GELU between them, four times as wide inside (diffusers `FeedForward`). */
export function feedForward(scope: Scope, name: string, x: Value, bias = true): Value {
  const width = Number(x.shape.at(-1))
  return scope.in(name, layers => {
    const hidden = gelu(linear(layers, 'net.0.proj', x, 4 * width, { bias }), 'tanh')
    return linear(layers, 'net.2', hidden, width, { bias })
  })
}
