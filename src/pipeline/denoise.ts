import { createGuidance, guidanceActive, guided } from '../sampling/guidance.ts'
import type { NoiseGenerator } from '../sampling/noise.ts'
import { emptyHistory, type Sampler } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkAborted } from './abort.ts'
import { seen, withClean } from './clean-frames.ts'
import type { Conditions } from './condition.ts'
import type { StepEndEvent } from './events.ts'
import type { Denoiser, Model, ModelFacts } from './family.ts'
import type { GeneratePlan } from './request.ts'

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

/** network → guidance → sampler, for every step; the conditional branch runs first. */
export async function* denoiseSteps(
  { model, plan, conditions, sampler, schedule, denoise, noise, signal }: DenoiseContext,
  initial: Tensor,
  firstStep: number,
): AsyncGenerator<{ event: StepEndEvent; result: Tensor }> {
  const { conditional: prompt, unconditional: negative, visual } = conditions
  const guidances = [plan.guidance, plan.guidance2].map(scale =>
    createGuidance({ scale, interval: plan.guidanceInterval, rescale: plan.guidanceRescale }),
  )
  const of = (data: Float32Array) => tensor('f32', initial.shape, data)
  let latents = initial.data as Float32Array
  let history = emptyHistory
  for (let step = firstStep; step < plan.steps; step++) {
    checkAborted(signal)
    const started = performance.now()
    const timestep = schedule.timesteps[step]!
    const expert = expertAt(model.facts, timestep)
    const input = { ...seen(latents, timestep, visual.clean, initial.shape), expert, visual }
    const conditional = await denoise({ ...input, text: prompt })
    checkAborted(signal)
    // Whether there is guidance at all is decided by the first expert's, as in diffusers.
    const unconditional =
      negative && guidanceActive(guidances[0]!, step, plan.steps)
        ? await denoise({ ...input, text: negative })
        : undefined
    const velocity = unconditional ? guided(guidances[expert]!, conditional, unconditional) : conditional
    const fresh = sampler.stochastic ? { noise: noise.randn(latents.length) } : {}
    ;({ latents, history } = sampler.step({ latents, velocity, step, schedule, history, ...fresh }))
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

/** The first expert whose range the timestep is in. */
function expertAt(facts: ModelFacts, timestep: number): number {
  const found = facts.experts.findIndex(expert => timestep >= expert.fromTimestep)
  return found < 0 ? facts.experts.length - 1 : found
}
