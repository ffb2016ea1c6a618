/** What the kernel does, in ONNX's own ops. */

import type { Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { absolute, divide, maximum, multiply } from '../../src/graph/ops/elementwise.ts'
import { maximumOver } from '../../src/graph/ops/reduction.ts'

/** The largest e4m3. */
const largest = 448

/** The least scale: a row of zeros has one all the same. */
const leastScale = 1e-30

/** Rows in 8 bits: elements · scales. */
export interface Float8Rows {
  /** f8e4m3 [..., width] */
  readonly elements: Value
  /** f32 [..., 1] */
  readonly scales: Value
}

/**
 * Every row of x rounded to e4m3 (Micikevicius et al. 2022, "FP8 Formats for Deep Learning"), to nearest with halves to
 * even, with a scale that brings its largest magnitude to the largest e4m3.
 * @param x [..., width], in any float type; computed in f32
 */
export function rowsInFloat8(x: Value): Float8Rows {
  const wide = cast(x, 'f32')
  const magnitudes = maximumOver(absolute(wide), [-1]) // [..., 1]
  const scales = maximum(multiply(magnitudes, 1 / largest), leastScale)
  // The cast saturates.
  return { elements: cast(divide(wide, scales), 'f8e4m3'), scales }
}
