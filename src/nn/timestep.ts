import type { Value } from '../graph/graph.ts'
import { silu } from '../graph/ops/activation.ts'
import { cos, multiply, sin } from '../graph/ops/elementwise.ts'
import { concat, reshape, unsqueeze } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import { tensor } from '../tensor/tensor.ts'
import { linear, twoLayer } from './linear.ts'

/**
 * Sinusoidal timestep features, cosines first (Ho et al. 2020; diffusers `get_timestep_embedding` with
 * `flip_sin_to_cos` and no frequency shift): angle t · 10000^(−i / (dim/2)).
 * @param timestep [...] in f32
 * @returns [..., dim]
 */
export function timestepFeatures(timestep: Value, dim: number): Value {
  const half = dim / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / half))
  const angles = multiply(
    unsqueeze(timestep, timestep.shape.length),
    timestep.graph.constant(tensor('f32', [half], frequencies)),
  ) // [..., dim/2]
  return concat([cos(angles), sin(angles)], -1) // [..., dim]
}

/** How a network embeds timesteps, and names the layers that do. */
export interface TimeEmbeddingLayers {
  /** Width of the sinusoidal features. */
  readonly features: number
  /** The two layers that embed them. */
  readonly embedder: string
  /** The layer that makes modulations of an embedding. */
  readonly projection: string
  /** How many. @default 6 */
  readonly rows?: number
}

/**
 * The embedding of timesteps and its projection to the modulations of adaptive norms (diffusers' `AdaLayerNormSingle`).
 * @param timestep f32 [batch, frames]
 * @returns embedding [batch, frames, model], blocks [batch, frames, rows, model], f32
 */
export function timeModulations(
  scope: Scope,
  timestep: Value,
  model: number,
  { features, embedder, projection, rows = 6 }: TimeEmbeddingLayers,
): { embedding: Value; blocks: Value } {
  const sines = timestepFeatures(timestep, features) // [batch, frames, features]
  const embedding = scope.in(embedder, mlp => twoLayer(mlp, sines, model, 'silu'))
  const projected = linear(scope, projection, silu(embedding), rows * model) // [batch, frames, rows·model]
  return { embedding, blocks: reshape(projected, ['=', '=', rows, model]) }
}
