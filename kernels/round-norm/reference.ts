/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import {
  type Modulation,
  type NormModulateOptions,
  normalizedAndModulated,
} from '../norm-modulate/reference.ts'
import { type Float8Rows, rowsInFloat8 } from '../round-rows/reference.ts'

/** x [..., rows, width], normalised and modulated in f32, and rounded to 8-bit floats from that. */
export function normalizedInFloat8(
  x: Value,
  modulation: Modulation,
  options: NormModulateOptions,
): Float8Rows {
  return rowsInFloat8(normalizedAndModulated(cast(x, 'f32'), modulation, options))
}
