import type { Arithmetic } from '../tensor/arithmetic.ts'

/** Keeps the scale finite for an unconditional velocity of zeros: diffusers' value. */
const epsilon = 1e-8

/**
 * CFG-Zero* (Fan et al. 2025, https://arxiv.org/abs/2503.18886, algorithm 1): the unconditional
 * velocity is first scaled by s* = ⟨conditional, unconditional⟩ / ‖unconditional‖², which brings it as near to the
 * conditional one as a scale can. One sample; `ClassifierFreeZeroStarGuidance` of diffusers.
 */
export async function zeroStarVelocity<V>(
  on: Arithmetic<V>,
  scale: number,
  conditional: V,
  unconditional: V,
): Promise<V> {
  const along = await on.innerProduct(conditional, unconditional)
  const optimal = along / ((await on.innerProduct(unconditional, unconditional)) + epsilon)
  // s* u + scale · (c − s* u)
  return on.combination([
    [scale, conditional],
    [(1 - scale) * optimal, unconditional],
  ])
}
