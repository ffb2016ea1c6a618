import { denoisedBy } from '../sampling/samplers/step-formulas.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { createGenerator } from '../tensor/random.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { decodeClip } from './decode.ts'
import type { PreviewEvent } from './events.ts'
import type { Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'
import { withinMemory } from './within-memory.ts'

/** The network's estimate in a step, of the video. */
export interface StepEstimate<V> {
  /** Its input. */
  readonly latents: V
  readonly velocity: V
  /** Of every position. */
  readonly timesteps: Float32Array
}

/** The stream of the video. */
interface PreviewedStream<V> {
  readonly arrays: StateArrays<V>
  readonly schedule: Pick<Schedule, 'trainTimesteps'>
  /** [channels, positions, height, width] */
  readonly shape: readonly number[]
  /** Those of the clip: from, up to and not including, to. */
  readonly positions: readonly [from: number, to: number]
}

/**
 * One latent frame, from the middle of the clip, as the network expects it to become: latents − sigma · velocity.
 * @returns f32 [channels, 1, height, width]
 */
async function expectedFrame<V>(
  { arrays, schedule, shape, positions: [from, to] }: PreviewedStream<V>,
  { latents, velocity, timesteps }: StepEstimate<V>,
): Promise<Tensor> {
  const frame = Math.floor((from + to) / 2)
  const position = Math.floor((frame * timesteps.length) / shape[1]!)
  const clip = denoisedBy(arrays, latents, velocity, timesteps[position]! / schedule.trainTimesteps)
  return sliceAxis(tensor('f32', shape, await arrays.download(clip)), 1, frame, frame + 1)
}

/**
 * Decodes a latent frame alone, as if a clip began with it: a picture of about what the clip will show there, for the
 * cost of its share of the decoding.
 */
export async function decodePreview<V>(
  model: Model,
  plan: GeneratePlan,
  video: PreviewedStream<V>,
  estimate: StepEstimate<V>,
  runner: GraphRunner,
  signal: AbortSignal,
): Promise<Omit<PreviewEvent, 'type' | 'step' | 'of'>> {
  const latents = await expectedFrame(video, estimate)
  const started = performance.now()
  // A generator of its own: the run's noise must not depend on who looks.
  const picture = await withinMemory(runner, async () => {
    const context = { latents, plan: { ...plan, tensors: false }, noise: createGenerator(plan.seed) }
    for await (const { tensors } of decodeClip(model, context, runner, signal)) return tensors.frames!
    throw new TypeError('decoder: expected a frame, got none.')
  })
  const [, height, width] = picture.shape as [number, number, number]
  const seconds = (performance.now() - started) / 1000
  return { width, height, frame: (picture.data as Uint8Array).slice(0, width * height * 3), seconds }
}
