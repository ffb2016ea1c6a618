/** Adaptive norms of diffusion transformers that share one projection of the timestep among all layers. */
import { type Residual, residualNorm } from '../../kernels/residual-norm/op.ts'
import type { Value } from '../graph/graph.ts'
import { add } from '../graph/ops/elementwise.ts'
import { split, unsqueeze } from '../graph/ops/layout.ts'
import type { Scope } from '../graph/scope.ts'
import { linear } from './linear.ts'

/**
 * A layer's own modulations: those of the timestep, plus its table (Chen et al. 2023, "PixArt-α", 2.3, adaLN-single).
 * @param name of the table
 * @param time f32 [batch, frames, rows, model], or [batch, frames, model] for all rows alike
 * @param stored shape of the table in the checkpoint, which ends in rows and model
 * @returns rows of f32 [batch, frames, 1, model]
 */
export function tableModulations(
  scope: Scope,
  name: string,
  time: Value,
  stored: readonly number[],
): Value[] {
  const table = scope.weight(name, stored, { dtype: 'f32' })
  const rows = time.shape.length === 4 ? time : unsqueeze(time, 2) // [batch, frames, rows or 1, model]
  return split(add(rows, table), 2, stored.at(-2)!)
}

export interface ModulatedProjectionOptions {
  /** Of the norm. */
  readonly epsilon: number
  /** Shape of the table of two modulations in the checkpoint. */
  readonly stored: readonly number[]
  /** What the names of its weights begin with. @default nothing */
  readonly prefix?: string
}

/**
 * The last layers of a network, `scale_shift_table` and `proj_out`: a norm with shift and scale, a projection.
 * @param x [batch, frames, pixels, model]
 * @param embedding of the timesteps, f32 [batch, frames, model]
 * @returns [batch, frames, pixels, out]
 */
export function modulatedProjection(
  scope: Scope,
  x: Residual,
  embedding: Value,
  out: number,
  { epsilon, stored, prefix = '' }: ModulatedProjectionOptions,
): Value {
  const [shift, scale] = tableModulations(scope, `${prefix}scale_shift_table`, embedding, stored)
  const norm = { norm: 'layer', epsilon, offset: 1 } as const
  const { normalized } = residualNorm(x, { scale: scale!, shift: shift! }, norm)
  return linear(scope, `${prefix}proj_out`, normalized, out)
}
