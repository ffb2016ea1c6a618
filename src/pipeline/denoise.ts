import { createGuidance, type Guidance } from '../sampling/guidance.ts'
import type { NoiseGenerator } from '../sampling/noise.ts'
import type { Sampler } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { createStepCache } from '../sampling/step-cache.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkAborted } from './abort.ts'
import { seen } from './clean-frames.ts'
import type { Conditions } from './condition.ts'
import type { DenoiseState } from './denoise-state.ts'
import type { StepEndEvent } from './events.ts'
import type { Denoiser, Model, ModelFacts } from './family.ts'
import { stepHeld, stirHeld } from './held-frames.ts'
import type { StepEstimate } from './preview.ts'
import type { GeneratePlan } from './request.ts'
import { velocityOf } from './velocity.ts'

export interface DenoiseContext {
  readonly model: Model
  readonly plan: GeneratePlan
  readonly conditions: Conditions
  readonly sampler: Sampler
  readonly schedule: Schedule
  readonly denoise: Denoiser
  readonly denoiseUnconditional?: Denoiser | undefined
  readonly noise: NoiseGenerator
  readonly signal: AbortSignal
}

/**
 * velocity → sampler, for every step that is left.
 * @param initial the latents before the first step of the run, [channels, frames, height, width]
 * @param firstStep of the run, from the start of the schedule
 * @param from the state before the first of these steps
 */
export async function* denoiseSteps(
  {
    model,
    plan,
    conditions,
    sampler,
    schedule,
    denoise,
    denoiseUnconditional,
    noise,
    signal,
  }: DenoiseContext,
  initial: Tensor,
  firstStep: number,
  from: DenoiseState,
): AsyncGenerator<{ event: StepEndEvent; state: DenoiseState; estimate: StepEstimate }> {
  const { visual } = conditions
  const { steps, stepCache: threshold } = plan
  const cache = threshold > 0 ? createStepCache({ threshold, firstStep, steps }) : undefined
  const recipe = { denoise, denoiseUnconditional, conditions, guidances: guidancesOf(plan), cache, signal }
  const of = (data: Float32Array) => tensor('f32', initial.shape, data)
  let { latents, history, velocity: velocityState, skippedSteps } = from
  for (let step = from.step; step < plan.steps; step++) {
    checkAborted(signal)
    const started = performance.now()
    const timestep = schedule.timesteps[step]!
    const expert = expertAt(model.facts, timestep)
    const level = timestep / schedule.trainTimesteps
    const given = initial.data as Float32Array
    if (visual.held) latents = stirHeld(visual.held, { latents, given, shape: initial.shape }, level, noise)
    const input = { ...seen({ latents, timestep, shape: initial.shape, schedule, visual }), expert }
    const found = await velocityOf(recipe, input, { step, steps }, velocityState)
    const { velocity, conditional, unconditional, skipped } = found
    velocityState = found.state
    if (skipped) skippedSteps++
    const fresh = sampler.stochastic ? { noise: noise.randn(latents.length) } : {}
    const at = { step, schedule, history, ...fresh }
    const { held } = visual
    const stepped = held
      ? stepHeld(held, { latents, velocity, shape: initial.shape }, level, (frames, change) =>
          sampler.step({ ...at, latents: frames, velocity: change, tokenTimesteps: input.timesteps }),
        )
      : sampler.step({ ...at, latents, velocity })
    ;({ latents, history } = stepped)
    yield {
      estimate: { latents: input.latents, velocity, timesteps: input.timesteps, schedule },
      state: {
        step: step + 1,
        latents,
        history,
        velocity: velocityState,
        noise: noise.position(),
        skippedSteps,
      },
      event: {
        type: 'step-end',
        step: step - firstStep + 1,
        of: plan.steps - firstStep,
        sigma: schedule.sigmas[step + 1]!,
        timestep,
        skipped,
        guided: unconditional !== undefined,
        seconds: (performance.now() - started) / 1000,
        ...(plan.tensors && {
          tensors: {
            conditional: of(conditional),
            ...(unconditional && { unconditional: of(unconditional) }),
            latents: of(latents),
          },
        }),
      },
    }
  }
}

/** By expert. */
export function guidancesOf(plan: GeneratePlan): Guidance[] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return [plan.guidance, plan.guidance2].map(scale => createGuidance({ scale, interval, rescale, method }))
}

/** The first expert whose range the timestep is in. */
function expertAt(facts: ModelFacts, timestep: number): number {
  const found = facts.experts.findIndex(expert => timestep >= expert.fromTimestep)
  return found < 0 ? facts.experts.length - 1 : found
}
