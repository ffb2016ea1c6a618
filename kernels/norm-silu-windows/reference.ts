/** What the kernels do, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { concat, frameWindows, gather, unsqueeze } from '../../src/graph/ops/layout.ts'
import { rowwiseChannelNorm } from '../../src/graph/ops/normalization.ts'

/** x [frames, channels, h, w] and the history, rounded in their dtype after the norm and after SiLU. */
export function windowsOfActive(x: Value, history: Value, scale: Value, epsilon: number): Value {
  return frameWindows(concat([history, silu(rowwiseChannelNorm(x, scale, epsilon))], 0))
}

/** x [frames, channels, h, w], rounded in its dtype after the norm, the shift and SiLU. */
export function activeByPlace(
  x: Value,
  { scale, shift }: { readonly scale: Value; readonly shift: Value },
  places: Value,
  epsilon: number,
): Value {
  const perChannel = unsqueeze(unsqueeze(shift, 1), 2) // [channels, 1, 1]
  return gather(silu(add(rowwiseChannelNorm(x, scale, epsilon), perChannel)), places, 0)
}
