import { createGuidance, type Guidance } from '../sampling/guidance.ts'
import type { NoiseGenerator } from '../sampling/noise.ts'
import { emptyHistory, type Sampler } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { createStepCache } from '../sampling/step-cache.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkAborted } from './abort.ts'
import { seen, withClean } from './clean-frames.ts'
import type { Conditions } from './condition.ts'
import type { StepEndEvent } from './events.ts'
import type { Denoiser, Model, ModelFacts } from './family.ts'
import { stepHeld, stirHeld } from './held-frames.ts'
import type { GeneratePlan } from './request.ts'
import { emptyVelocityState, velocityOf } from './velocity.ts'

export interface DenoiseContext {
  readonly model: Model
  readonly plan: GeneratePlan
  readonly conditions: Conditions
  readonly sampler: Sampler
  readonly schedule: Schedule
  readonly denoise: Denoiser
  readonly noise: NoiseGenerator
  readonly signal: AbortSignal
}

/** velocity → sampler, for every step. */
export async function* denoiseSteps(
  { model, plan, conditions, sampler, schedule, denoise, noise, signal }: DenoiseContext,
  initial: Tensor,
  firstStep: number,
): AsyncGenerator<{ event: StepEndEvent; result: Tensor }> {
  const { visual } = conditions
  const { steps, stepCache: threshold } = plan
  const cache = threshold > 0 ? createStepCache({ threshold, firstStep, steps }) : undefined
  const recipe = { denoise, conditions, guidances: guidancesOf(plan), cache, signal }
  const of = (data: Float32Array) => tensor('f32', initial.shape, data)
  let latents = initial.data as Float32Array
  let history = emptyHistory
  let state = emptyVelocityState
  for (let step = firstStep; step < plan.steps; step++) {
    checkAborted(signal)
    const started = performance.now()
    const timestep = schedule.timesteps[step]!
    const expert = expertAt(model.facts, timestep)
    const level = timestep / schedule.trainTimesteps
    const given = initial.data as Float32Array
    if (visual.held) latents = stirHeld(visual.held, { latents, given, shape: initial.shape }, level, noise)
    const input = { ...seen({ latents, timestep, shape: initial.shape, schedule, visual }), expert }
    const found = await velocityOf(recipe, input, { step, steps }, state)
    const { velocity, conditional, unconditional, skipped } = found
    state = found.state
    const fresh = sampler.stochastic ? { noise: noise.randn(latents.length) } : {}
    const at = { step, schedule, history, ...fresh }
    const { held } = visual
    const stepped = held
      ? stepHeld(held, { latents, velocity, shape: initial.shape }, level, (frames, change) =>
          sampler.step({ ...at, latents: frames, velocity: change, tokenTimesteps: input.timesteps }),
        )
      : sampler.step({ ...at, latents, velocity })
    ;({ latents, history } = stepped)
    const last = step === plan.steps - 1
    const result = of(last ? withClean(latents, visual.clean, initial.shape) : latents)
    yield {
      result,
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
function guidancesOf(plan: GeneratePlan): Guidance[] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return [plan.guidance, plan.guidance2].map(scale => createGuidance({ scale, interval, rescale, method }))
}

/** The first expert whose range the timestep is in. */
function expertAt(facts: ModelFacts, timestep: number): number {
  const found = facts.experts.findIndex(expert => timestep >= expert.fromTimestep)
  return found < 0 ? facts.experts.length - 1 : found
}
