/**
 * Three-dimensional convolutions over frames laid out as a batch of pictures, [frames, channels, height, width]: one
 * with a kernel of three frames is a 2-D convolution over the channels of three frames.
 */

import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { conv2d } from '../graph/ops/convolution.ts'
import { reshape, transpose } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'

export interface WindowConvOptions {
  /** Height and width of the kernel. @default 3 */
  readonly kernel?: 1 | 3
  /** Step in height and width. @default 1 */
  readonly stride?: 1 | 2
  /** Zeros around height and width; none for windows that have their surroundings. @default as the size is kept */
  readonly padding?: 0
}

/**
 * The convolution `<scope>.<name>` with a kernel of three frames, over windows of three frames.
 * @param windows [windows, 3·in, height, width]
 * @returns [windows, out, height / stride, width / stride]; without the edges where they were there
 */
export function windowConv(
  scope: Scope,
  name: string,
  windows: Value,
  out: number,
  { kernel = 3, stride = 1, padding }: WindowConvOptions = {},
): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(windows, 1)) / 3
    const stored = layer.weight('weight', [out, channels, 3, kernel, kernel])
    const weight = reshape(transpose(stored, [0, 2, 1, 3, 4]), [out, 3 * channels, kernel, kernel])
    const edge = padding ?? (kernel - 1) / 2
    return conv2d(windows, weight, layer.weight('bias', [out]), { stride, padding: [edge, edge, edge, edge] })
  })
}

/** A 1×1×1 convolution: [frames, in, h, w] → [frames, out, h, w]. */
export function pointwiseConv(scope: Scope, name: string, x: Value, out: number): Value {
  return scope.in(name, layer => {
    const channels = Number(dimAt(x, 1))
    const weight = layer.weight('weight', [out, channels, 1, 1, 1], { as: [out, channels, 1, 1] })
    return conv2d(x, weight, layer.weight('bias', [out]))
  })
}
