import { RequestError } from '../errors.ts'
import { createGuidance, type Guidance } from '../sampling/guidance.ts'
import type { NoiseGenerator } from '../sampling/noise.ts'
import { type Sampler, stepTokens } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { createStepCache } from '../sampling/step-cache.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkAborted } from './abort.ts'
import { type GivenFrames, timestepsAt } from './clean-frames.ts'
import type { Conditions } from './condition.ts'
import { arraysOf, type DenoiseState } from './denoise-state.ts'
import type { StepEndEvent } from './events.ts'
import type { HeldFrames, Model, ModelFacts } from './family.ts'
import { stepHeld, stirHeld } from './held-frames.ts'
import type { NetworkPass } from './network-pass.ts'
import type { StepEstimate } from './preview.ts'
import type { GeneratePlan } from './request.ts'
import type { RunValues } from './run-values.ts'
import { velocityOf } from './velocity.ts'

export interface DenoiseContext<V> {
  readonly model: Model
  readonly plan: GeneratePlan
  readonly values: RunValues<V>
  readonly given: GivenFrames<V>
  readonly conditions: Conditions
  readonly sampler: Sampler
  readonly schedule: Schedule
  readonly denoise: NetworkPass
  readonly denoiseUnconditional?: NetworkPass | undefined
  readonly noise: NoiseGenerator
  readonly signal: AbortSignal
}

/** A step that was done. Its arrays can be read until the next one is asked for. */
export interface DenoisedStep<V> {
  readonly event: StepEndEvent
  readonly state: DenoiseState<V>
  readonly estimate: StepEstimate<V>
}

/**
 * velocity → sampler, for every step that is left.
 * @param initial the latents before the first step of the run, [channels, frames, height, width]
 * @param firstStep of the run, from the start of the schedule
 * @param from the state before the first of these steps
 */
export async function* denoiseSteps<V>(
  context: DenoiseContext<V>,
  initial: Tensor,
  firstStep: number,
  from: DenoiseState<V>,
): AsyncGenerator<DenoisedStep<V>> {
  const { model, plan, values, given, conditions, sampler, schedule, noise, signal } = context
  const { denoise, denoiseUnconditional } = context
  const { steps, stepCache: threshold } = plan
  const { held } = conditions.visual
  const { shape } = initial
  const cache = threshold > 0 ? createStepCache({ threshold, firstStep, steps }) : undefined
  const recipe = { denoise, denoiseUnconditional, conditions, guidances: guidancesOf(plan), cache, signal }
  const size = { frames: shape[1]!, trainTimesteps: schedule.trainTimesteps }
  let state = from
  while (state.step < steps) {
    checkAborted(signal)
    const started = performance.now()
    const { step, history } = state
    const timestep = schedule.timesteps[step]!
    const level = timestep / schedule.trainTimesteps
    const holding = held && { held, level, initial, schedule, sampler }
    const latents = holding ? await stirred(values, holding, state.latents, noise) : state.latents
    const timesteps = timestepsAt(conditions.visual, timestep, size)
    const input = { latents: given.put(latents), timesteps, expert: expertAt(model.facts, timestep) }
    const found = await velocityOf(values, recipe, input, { step, steps }, state.velocity)
    const { velocity, skipped } = found
    const fresh = sampler.stochastic ? { noise: values.of(noise.randn(initial.data.length)) } : {}
    const stepped = holding
      ? { latents: await steppedApart(values, holding, latents, velocity, timesteps), history }
      : sampler.step(values, { latents, velocity, step, schedule, history, ...fresh })
    state = {
      ...stepped,
      step: step + 1,
      velocity: found.state,
      noise: noise.position(),
      skippedSteps: state.skippedSteps + (skipped ? 1 : 0),
    }
    const shown = plan.tensors ? [found.conditional, found.unconditional ?? velocity] : []
    await values.keepOnly([...arraysOf(state), ...given.arrays, ...shown, input.latents, velocity])
    yield {
      state,
      estimate: { latents: input.latents, velocity, timesteps },
      event: {
        type: 'step-end',
        step: step - firstStep + 1,
        of: steps - firstStep,
        sigma: schedule.sigmas[step + 1]!,
        timestep,
        skipped,
        guided: found.unconditional !== undefined,
        seconds: (performance.now() - started) / 1000,
        ...(plan.tensors && {
          tensors: await tensorsOf(values, { ...found, latents: state.latents }, shape),
        }),
      },
    }
  }
}

interface Holding {
  readonly held: HeldFrames
  readonly level: number
  readonly initial: Tensor
  readonly schedule: Schedule
  readonly sampler: Sampler
}

async function stirred<V>(
  values: RunValues<V>,
  { held, level, initial }: Holding,
  latents: V,
  noise: NoiseGenerator,
): Promise<V> {
  if (held.noiseScale === 0) return latents
  const { shape, data } = initial
  const given = data as Float32Array
  return values.of(stirHeld(held, { latents: await values.read(latents), given, shape }, level, noise))
}

/** A step in which frames are at levels of their own: what is done to single frames is done on the host. */
async function steppedApart<V>(
  values: RunValues<V>,
  { held, level, initial: { shape }, schedule, sampler }: Holding,
  latents: V,
  velocity: V,
  timesteps: Float32Array,
): Promise<V> {
  const host = { latents: await values.read(latents), velocity: await values.read(velocity), shape }
  const step = (tokens: Float32Array, change: Float32Array) =>
    stepTokens(sampler, { latents: tokens, velocity: change, timesteps, schedule })
  return values.of(stepHeld(held, host, level, step))
}

async function tensorsOf<V>(
  values: RunValues<V>,
  step: { readonly conditional: V; readonly unconditional?: V; readonly latents: V },
  shape: readonly number[],
): Promise<NonNullable<StepEndEvent['tensors']>> {
  const read = async (array: V) => tensor('f32', shape, await values.read(array))
  const { conditional, unconditional, latents } = step
  return {
    conditional: await read(conditional),
    ...(unconditional !== undefined && { unconditional: await read(unconditional) }),
    latents: await read(latents),
  }
}

/** By expert. */
export function guidancesOf(plan: GeneratePlan): Guidance[] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return [plan.guidance, plan.guidance2].map(scale => createGuidance({ scale, interval, rescale, method }))
}

/**
 * The first expert whose range the timestep is in.
 * @throws RequestError for a step that none runs, of a checkpoint that has one of two experts
 */
export function expertAt({ experts }: ModelFacts, timestep: number): number {
  const found = experts.findIndex(({ fromTimestep, belowTimestep = Number.POSITIVE_INFINITY }) => {
    return timestep >= fromTimestep && timestep < belowTimestep
  })
  if (found >= 0) return found
  const [{ graph, fromTimestep, belowTimestep }] = experts
  throw new RequestError('request/unsupported', {
    subject: 'steps',
    expected: `timesteps ${belowTimestep === undefined ? `from ${fromTimestep} on` : `below ${belowTimestep}`}, for which the checkpoint has an expert (${graph})`,
    got: `one at ${timestep}`,
    advice: 'Use a checkpoint with both experts.',
  })
}
