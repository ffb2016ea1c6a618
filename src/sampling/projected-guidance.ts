import type { Projected } from './guidance-method.ts'
import { innerProduct } from './inner-product.ts'

/** The least ‖conditional‖² that is divided by: diffusers' 1e-12 for the norm. */
const leastSquare = 1e-24

/**
 * Adaptive projected guidance (Sadat et al. 2024, https://arxiv.org/abs/2410.02416, algorithm 1), on velocities as
 * `AdaptiveProjectedGuidance` of diffusers has it. The difference that the condition makes is smoothed with those of
 * the steps before, scaled down to a norm, and loses part of what is parallel to the conditional velocity, which is
 * the part that saturates. One sample.
 * @param average the running difference that the guided step before gave; none before the first
 * @returns the velocity and the running difference for the next step, both in new arrays
 */
export function projectedVelocity(
  { eta, normThreshold, momentum }: Projected,
  scale: number,
  conditional: Float32Array,
  unconditional: Float32Array,
  average?: Float32Array,
): { velocity: Float32Array; average: Float32Array } {
  const difference = new Float32Array(conditional.length)
  for (let i = 0; i < difference.length; i++) {
    difference[i] = conditional[i]! - unconditional[i]! + (average ? momentum * average[i]! : 0)
  }
  const shrink =
    normThreshold > 0 ? Math.min(1, normThreshold / Math.sqrt(innerProduct(difference, difference))) : 1
  const alongConditional =
    innerProduct(difference, conditional) / Math.max(innerProduct(conditional, conditional), leastSquare)
  // orthogonal + eta · parallel = difference − (1 − eta) · parallel
  const removed = (1 - eta) * alongConditional
  const velocity = new Float32Array(conditional.length)
  for (let i = 0; i < velocity.length; i++) {
    velocity[i] = unconditional[i]! + scale * shrink * (difference[i]! - removed * conditional[i]!)
  }
  return { velocity, average: difference }
}
