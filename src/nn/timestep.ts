import type { Value } from '../graph/graph.ts'
import { cos, multiply, sin } from '../graph/ops/elementwise.ts'
import { concat, unsqueeze } from '../graph/ops/layout.ts'
import { tensor } from '../tensor/tensor.ts'

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
