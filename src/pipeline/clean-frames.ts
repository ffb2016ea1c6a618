import type { CleanFrames, VisualConditioning } from './family.ts'
import { heldTimesteps } from './held-frames.ts'
import type { RunValues } from './run-values.ts'

/** The timestep of every latent frame at a step: 0 of given frames, of held ones their own, of others the step's. */
export function timestepsAt(
  { clean, held }: VisualConditioning,
  timestep: number,
  { frames, trainTimesteps }: { readonly frames: number; readonly trainTimesteps: number },
): Float32Array {
  const timesteps = held
    ? heldTimesteps(held, timestep, trainTimesteps)
    : new Float32Array(frames).fill(timestep)
  clean?.frames.forEach((given, frame) => {
    if (given) timesteps[frame] = 0
  })
  return timesteps
}

/** The frames that are given, where the state of the run is. */
export interface GivenFrames<V> {
  /** Puts them into latents; without any these stay what they are. */
  put(latents: V): V
  /** What it needs for that. */
  readonly arrays: readonly V[]
}

/** @param shape of the latents, [channels, frames, height, width] */
export function givenFrames<V>(
  values: RunValues<V>,
  clean: CleanFrames | undefined,
  shape: readonly number[],
): GivenFrames<V> {
  if (!clean) return { put: latents => latents, arrays: [] }
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const mask = new Float32Array(channels * frames * plane)
  for (let row = 0; row < channels * frames; row++) {
    if (clean.frames[row % frames]) mask.fill(1, row * plane, (row + 1) * plane)
  }
  const [given, where] = [values.of(clean.latents), values.of(mask)]
  return { put: latents => values.replaced(latents, given, where), arrays: [given, where] }
}
