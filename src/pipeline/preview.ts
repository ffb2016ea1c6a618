import { createGenerator } from '../sampling/noise.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { decodeClip } from './decode-clip.ts'
import type { PreviewEvent } from './events.ts'
import type { Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'
import { withinMemory } from './within-memory.ts'

/** What the network said in a step. */
export interface StepEstimate {
  /** What it saw, [channels, frames, height, width], flat. */
  readonly latents: Float32Array
  readonly velocity: Float32Array
  /** Of every latent frame. */
  readonly timesteps: Float32Array
  readonly schedule: Schedule
}

/**
 * One latent frame as the network expects it to become: latents − sigma · velocity.
 * @param shape of the latents
 * @returns f32 [channels, 1, height, width]
 */
export function expectedFrame(
  { latents, velocity, timesteps, schedule }: StepEstimate,
  shape: readonly number[],
  frame: number,
): Tensor {
  const [channels, frames, height, width] = shape as [number, number, number, number]
  const plane = height * width
  const sigma = timesteps[frame]! / schedule.trainTimesteps
  const data = new Float32Array(channels * plane)
  for (let channel = 0; channel < channels; channel++) {
    const from = (channel * frames + frame) * plane
    for (let i = 0; i < plane; i++) {
      data[channel * plane + i] = latents[from + i]! - sigma * velocity[from + i]!
    }
  }
  return tensor('f32', [channels, 1, height, width], data)
}

/**
 * Decodes a latent frame alone, as if a clip began with it: a picture of about what the clip will show there, for the
 * cost of its share of the decoding.
 */
export async function decodePreview(
  model: Model,
  plan: GeneratePlan,
  latents: Tensor,
  runner: GraphRunner,
  signal: AbortSignal,
): Promise<Omit<PreviewEvent, 'type' | 'step' | 'of'>> {
  const started = performance.now()
  // A generator of its own: the run's noise must not depend on who looks.
  const picture = await withinMemory(runner, async () => {
    const context = { latents, plan: { ...plan, tensors: false }, noise: createGenerator(plan.seed) }
    for await (const { frames } of decodeClip(model, context, runner, signal)) return frames
    throw new TypeError('decoder: expected a frame, got none.')
  })
  const [, height, width] = picture.shape as [number, number, number]
  const seconds = (performance.now() - started) / 1000
  return { width, height, frame: (picture.data as Uint8Array).slice(0, width * height * 3), seconds }
}
