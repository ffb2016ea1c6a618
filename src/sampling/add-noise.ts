/**
 * Clean latents brought to a noise level: (1 − sigma) · clean + sigma · noise, in a new array. Where a run starts
 * inside a schedule, as video to video does, sigma is `schedule.sigmas[step]` of its first step.
 */
export function addNoise(clean: Float32Array, noise: Float32Array, sigma: number): Float32Array {
  if (noise.length !== clean.length) {
    throw new RangeError(`noise: expected ${clean.length} values, got ${noise.length}.`)
  }
  const signal = Math.fround(1 - sigma)
  const result = new Float32Array(clean.length)
  for (let i = 0; i < result.length; i++) result[i] = signal * clean[i]! + sigma * noise[i]!
  return result
}
