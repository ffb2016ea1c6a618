import type { NoiseGenerator } from '../sampling/noise.ts'
import type { HeldFrames } from './family.ts'

/** Strengths closer to 1 than this are 1, and levels closer than this are equal (diffusers' tolerance). */
const tolerance = 1e-6

/** The timestep of every latent frame: no frame is noisier than its strength leaves it. */
export function heldTimesteps(
  { strengths }: HeldFrames,
  timestep: number,
  trainTimesteps: number,
): Float32Array {
  return strengths.map(strength => Math.min(timestep, Math.fround(1 - strength) * trainTimesteps))
}

/**
 * Fully held frames with fresh noise on them, less and less with the steps: it helps motion go on from a still picture
 * (diffusers `add_noise_to_image_conditioning_latents`). The draw is of tokens by channels.
 * @param given the latents before the first step, [channels, frames, h, w] as `latents`
 */
export function stirHeld(
  held: HeldFrames,
  { latents, given, shape }: { latents: Float32Array; given: Float32Array; shape: readonly number[] },
  level: number,
  generator: NoiseGenerator,
): Float32Array {
  if (held.noiseScale === 0) return latents
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const noise = generator.randn(latents.length)
  const scale = held.noiseScale * level ** 2
  const stirred = latents.slice()
  for (let frame = 0; frame < frames; frame++) {
    if (held.strengths[frame]! <= 1 - tolerance) continue
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < plane; pixel++) {
        const at = (channel * frames + frame) * plane + pixel
        stirred[at] = given[at]! + scale * noise[(frame * plane + pixel) * channels + channel]!
      }
    }
  }
  return stirred
}

/**
 * A sampler's step in which every frame is at its own level, for frames that are noisier than they are held; the
 * others stay as they are.
 * @param step the sampler's step, on [frames, values a frame] with a timestep for each
 */
export function stepHeld(
  held: HeldFrames,
  { latents, velocity, shape }: { latents: Float32Array; velocity: Float32Array; shape: readonly number[] },
  level: number,
  step: (latents: Float32Array, velocity: Float32Array) => Float32Array,
): Float32Array {
  const stepped = step(framesFirst(latents, shape), framesFirst(velocity, shape))
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const result = latents.slice()
  for (let frame = 0; frame < frames; frame++) {
    if (!(level - tolerance < Math.fround(1 - held.strengths[frame]!))) continue
    for (let channel = 0; channel < channels; channel++) {
      const from = (frame * channels + channel) * plane
      result.set(stepped.subarray(from, from + plane), (channel * frames + frame) * plane)
    }
  }
  return result
}

/** [channels, frames, h, w] → [frames, channels, h, w]. */
function framesFirst(source: Float32Array, shape: readonly number[]): Float32Array {
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const result = new Float32Array(source.length)
  for (let channel = 0; channel < channels; channel++) {
    for (let frame = 0; frame < frames; frame++) {
      const from = (channel * frames + frame) * plane
      result.set(source.subarray(from, from + plane), (frame * channels + channel) * plane)
    }
  }
  return result
}
