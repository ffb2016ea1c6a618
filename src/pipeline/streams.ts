/** What a run has for every stream: its latents before the first step and after the last, and its guidance. */
import { addNoise } from '../sampling/add-noise.ts'
import { createGuidance, type Guidance } from '../sampling/guidance.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { elementCount } from '../tensor/dtype.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Model, StepTimes, StreamConditioning } from './family.ts'
import type { GeneratePlan } from './fields/request-fields.ts'

/**
 * Noise, or the latents that the stream begins from.
 * @param sigma noise level of the first step
 */
export function firstLatents(
  { shape, initial }: StreamConditioning,
  generator: NoiseGenerator,
  sigma: number,
): Float32Array {
  if (initial?.noise === 'included') return initial.latents
  const noise = generator.randn(elementCount(shape))
  return initial ? addNoise(initial.latents, noise, sigma) : noise
}

/** Without the positions that were only denoised along. */
export function withoutExtra(latents: Tensor, { extra }: StreamConditioning): Tensor {
  if (!extra) return latents
  return sliceAxis(latents, 1, extra.before, latents.shape[1]! - extra.after)
}

/** How many positions a stream has: as many as its lists, or as axis 1. */
export function positionCount({
  shape,
  known = { latents: none },
}: Pick<StreamConditioning, 'shape' | 'known'>): number {
  const { shown, share, limit, pull } = known
  return (shown ?? share ?? limit ?? pull)?.length ?? shape[1]!
}

const none = new Float32Array()

/** The times of a step that is run for its cost alone. */
export function timesAtRest(streams: readonly StreamConditioning[], timestep = 0): StepTimes {
  return {
    timesteps: streams.map(() => timestep),
    next: streams.map(() => 0),
    positions: streams.map(stream => new Float32Array(positionCount(stream)).fill(timestep)),
  }
}

/** By expert and stream. */
export function guidancesOf(
  { facts, guide }: Pick<Model, 'facts' | 'guide'>,
  plan: GeneratePlan,
): Guidance[][] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return facts.experts.map((_, expert) => {
    const scale = plan.guidance[expert] ?? plan.guidance.at(-1)!
    const asked = createGuidance({
      scale,
      interval,
      rescale,
      method,
      belowOne: facts.guidanceBelowOne ?? 'off',
    })
    return facts.streams.map((_, stream) => guide?.(asked, { stream, expert, plan }) ?? asked)
  })
}
