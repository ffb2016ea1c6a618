/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { concat, frameWindows } from '../../src/graph/ops/layout.ts'
import { rowwiseChannelNorm } from '../../src/graph/ops/normalization.ts'

/** x [frames, channels, h, w] and the history, rounded in their dtype after the norm and after SiLU. */
export function windowsOfActive(x: Value, history: Value, scale: Value, epsilon: number): Value {
  return frameWindows(concat([history, silu(rowwiseChannelNorm(x, scale, epsilon))], 0))
}
