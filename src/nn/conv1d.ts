/** Convolutions over time with weights of a checkpoint: [signals, channels, time]. */

import type { Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { conv1d, convTranspose1d } from '../graph/ops/convolution-1d.ts'
import type { Scope } from '../graph/scope.ts'

export interface Conv1dLayerOptions {
  readonly kernel: number
  /** @default 1 */
  readonly dilation?: number
  /** Whether the layer has a bias. @default true */
  readonly bias?: boolean
}

/** The convolution `<scope>.<name>`, with zeros around x: as many entries come out. [n, in, time] → [n, out, time]. */
export function conv1dLayer(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  { kernel, dilation = 1, bias = true }: Conv1dLayerOptions,
): Value {
  return scope.in(name, layer => {
    const weight = layer.weight('weight', [out, Number(dimAt(x, 1)), kernel])
    const around = dilation * (kernel - 1)
    const before = Math.floor(around / 2)
    const options = { dilation, padding: [before, around - before] as const }
    return conv1d(x, weight, bias ? layer.weight('bias', [out]) : undefined, options)
  })
}

/**
 * The transposed convolution `<scope>.<name>`, with (kernel − stride) / 2 entries cut off at both ends, rounded down:
 * [n, in, time] → [n, out, stride · time], and one entry more where kernel − stride is odd.
 */
export function convTranspose1dLayer(
  scope: Scope,
  name: string,
  x: Value,
  out: number,
  { kernel, stride }: { readonly kernel: number; readonly stride: number },
): Value {
  return scope.in(name, layer => {
    const weight = layer.weight('weight', [Number(dimAt(x, 1)), out, kernel])
    const edge = Math.floor((kernel - stride) / 2)
    return convTranspose1d(x, weight, layer.weight('bias', [out]), { stride, crop: [edge, edge] })
  })
}
