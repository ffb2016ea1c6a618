import type { Arithmetic } from '../tensor/arithmetic.ts'
import type { Projected } from './guidance-method.ts'

/** The least ‖conditional‖² that is divided by: diffusers' 1e-12 for the norm. */
const leastSquare = 1e-24

/**
 * Adaptive projected guidance (Sadat et al. 2024, https://arxiv.org/abs/2410.02416, algorithm 1), on velocities as
 * `AdaptiveProjectedGuidance` of diffusers has it. The difference that the condition makes is smoothed with those of
 * the steps before, scaled down to a norm, and loses part of what is parallel to the conditional velocity, which is
 * the part that saturates. One sample.
 * @param average the running difference that the guided step before gave; none before the first
 * @returns the velocity and the running difference for the next step
 */
export async function projectedVelocity<V>(
  on: Arithmetic<V>,
  { eta, normThreshold, momentum }: Projected,
  scale: number,
  conditional: V,
  unconditional: V,
  average?: V,
): Promise<{ velocity: V; average: V }> {
  const difference = on.combination([
    [1, conditional],
    [-1, unconditional],
    ...(average === undefined ? [] : [[momentum, average] as const]),
  ])
  const norm = normThreshold > 0 ? Math.sqrt(await on.innerProduct(difference, difference)) : 0
  const shrink = norm > normThreshold ? normThreshold / norm : 1
  const square = Math.max(await on.innerProduct(conditional, conditional), leastSquare)
  const alongConditional = (await on.innerProduct(difference, conditional)) / square
  // orthogonal + eta · parallel = difference − (1 − eta) · parallel
  const strength = scale * shrink
  const velocity = on.combination([
    [1, unconditional],
    [strength, difference],
    [-strength * (1 - eta) * alongConditional, conditional],
  ])
  return { velocity, average: difference }
}
