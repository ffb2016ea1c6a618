import type { Schedule } from '../sampling/schedules/schedule.ts'
import type { CleanFrames, VisualConditioning } from './family.ts'
import { heldTimesteps } from './held-frames.ts'

export interface StepInput {
  readonly latents: Float32Array
  readonly timestep: number
  /** [channels, frames, h, w] */
  readonly shape: readonly number[]
  readonly schedule: Schedule
  readonly visual: VisualConditioning
}

/** What the network sees at a step: given frames clean and at timestep 0, held ones at theirs, others as they are. */
export function seen({ latents, timestep, shape, schedule, visual }: StepInput): {
  latents: Float32Array
  timesteps: Float32Array
} {
  const { clean, held } = visual
  const timesteps = held
    ? heldTimesteps(held, timestep, schedule.trainTimesteps)
    : new Float32Array(shape[1]!).fill(timestep)
  clean?.frames.forEach((given, frame) => {
    if (given) timesteps[frame] = 0
  })
  return { latents: withClean(latents, clean, shape), timesteps }
}

/** The latents [channels, frames, h, w] with the given frames put in; the same array when there are none. */
export function withClean(
  latents: Float32Array,
  clean: CleanFrames | undefined,
  shape: readonly number[],
): Float32Array {
  if (!clean) return latents
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const mixed = latents.slice()
  for (let frame = 0; frame < frames; frame++) {
    if (!clean.frames[frame]) continue
    for (let channel = 0; channel < channels; channel++) {
      const at = (channel * frames + frame) * plane
      mixed.set(clean.latents.subarray(at, at + plane), at)
    }
  }
  return mixed
}
