/** Latents as tokens, a patch each: a convolution whose stride is its kernel is a linear layer over the pixels of a patch. */
import type { Graph, Value } from '../graph/graph.ts'
import { dimAt } from '../graph/operand.ts'
import { cast } from '../graph/ops/cast.ts'
import { reshape, reshapeLike, transpose } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import { linear } from './linear.ts'

/** Latents of a patch along frames, height and width. */
export type Patch = readonly [frames: number, height: number, width: number]

/**
 * The shape in which a network takes latents [channels, frames, height, width]: each axis cut into patches, which leaves
 * the bytes as they are.
 */
export function patchedShape(latents: readonly number[], [pt, ph, pw]: Patch): number[] {
  const [channels, frames, height, width] = latents as [number, number, number, number]
  return [1, channels, frames / pt, pt, height / ph, ph, width / pw, pw]
}

/** An input in that shape: f32 [batch, channels, frames, pt, height, ph, width, pw]. */
export function patchedInput(graph: Graph, name: string, channels: number, [pt, ph, pw]: Patch): Value {
  return graph.input(name, 'f32', ['batch', channels, 'frames', pt, 'height', ph, 'width', pw])
}

/** Latents, cut into patches → [batch, frames, height·width, model] */
export function patchEmbedding(
  scope: Scope,
  name: string,
  latents: Value,
  [pt, ph, pw]: Patch,
  model: number,
): Value {
  const channels = Number(dimAt(latents, 1))
  const patches = transpose(latents, [0, 2, 4, 6, 1, 3, 5, 7]) // [batch, frames, height, width, channels, pt, ph, pw]
  const rows = reshape(patches, ['=', '=', '*', channels * pt * ph * pw]) // [batch, frames, height·width, channels·pt·ph·pw]
  const stored = [model, channels, pt, ph, pw]
  return linear(scope, name, cast(rows, scope.graph.precision), model, { stored })
}

/** [batch, frames, height·width, pt·ph·pw·channels] → the axes of the latents. */
export function joinPatches(rows: Value, latents: Value): Value {
  const patches = transpose(latents, [0, 2, 4, 6, 3, 5, 7, 1]) // [batch, frames, height, width, pt, ph, pw, channels]
  return transpose(reshapeLike(rows, patches), [0, 7, 1, 4, 2, 5, 3, 6])
}
