import { innerProduct } from './inner-product.ts'

/** Keeps the scale finite for an unconditional velocity of zeros: diffusers' value. */
const epsilon = 1e-8

/**
 * CFG-Zero* (Fan et al. 2025, https://arxiv.org/abs/2503.18886, algorithm 1), in a new array: the unconditional
 * velocity is first scaled by s* = ⟨conditional, unconditional⟩ / ‖unconditional‖², which brings it as near to the
 * conditional one as a scale can. One sample; `ClassifierFreeZeroStarGuidance` of diffusers.
 */
export function zeroStarVelocity(
  scale: number,
  conditional: Float32Array,
  unconditional: Float32Array,
): Float32Array {
  const optimal =
    innerProduct(conditional, unconditional) / (innerProduct(unconditional, unconditional) + epsilon)
  const result = new Float32Array(conditional.length)
  for (let i = 0; i < result.length; i++) {
    const base = optimal * unconditional[i]!
    result[i] = base + scale * (conditional[i]! - base)
  }
  return result
}
