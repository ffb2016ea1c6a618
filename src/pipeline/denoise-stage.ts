/** One stage of a run: from what the network sees to finished latents of every stream. */
import { RequestError } from '../errors.ts'
import { latentSizeOf, toTokens } from '../geometry/video-geometry.ts'
import type { Notify } from '../notices.ts'
import { addNoise } from '../sampling/add-noise.ts'
import type { Sampler } from '../sampling/samplers/sampler.ts'
import { createScheduler, type Scheduler } from '../sampling/scheduler.ts'
import type { Schedule, Spacing } from '../sampling/schedules/schedule.ts'
import { createStepCache } from '../sampling/step-cache.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { elementCount } from '../tensor/dtype.ts'
import { createGenerator, type NoiseGenerator, type NoisePosition } from '../tensor/random.ts'
import { float32Data, type Tensor, tensor } from '../tensor/tensor.ts'
import { readSchedulerConfig } from '../weights/scheduler-config.ts'
import { checkResumed } from './check-resumed.ts'
import type { Conditions } from './conditioning.ts'
import { denoiseSteps, denoiseStream } from './denoise.ts'
import { type DenoiseState, downloadState, firstState, uploadState } from './denoise-state.ts'
import type { GenerateEvent } from './events.ts'
import type { Model, ModelFacts, StreamConditioning } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { decodePreview } from './preview.ts'
import { startingFrom } from './read-latents.ts'
import type { GeneratePlan } from './request.ts'
import { guidancesOf, networkPass } from './velocity.ts'

/** How a run is made, beside what is made. */
export interface RunSettings {
  /** The state that an earlier run of the same plan was left in: the steps before it are not done again. */
  readonly resume?: DenoiseState | undefined
  /** Whether the events of steps carry the state to resume from. @default false */
  readonly states?: boolean
  /**
   * Steps from one preview to the next; without it there are none. A preview needs the decoder: where components are released
   * after use, it costs that the transformer is loaded again.
   */
  readonly previewEvery?: number
}

export interface StageContext extends RunSettings {
  readonly runner: GraphRunner
  readonly signal: AbortSignal
  readonly notify: Notify
  /** Events that are due before that of a step. */
  readonly changes: () => Iterable<GenerateEvent>
}

/** A stage before its first step. */
export interface PreparedStage {
  readonly plan: GeneratePlan
  readonly conditions: Conditions
  readonly streams: readonly PreparedStream[]
  readonly sampler: Sampler
  /** Of the schedule; those before it are left out. */
  readonly firstStep: number
  /** The network of every step from the first on: an index into the facts' experts. */
  readonly experts: readonly number[]
  /** The generator, after the initial latents were drawn. */
  readonly noise: NoiseGenerator
}

interface PreparedStream extends StreamConditioning {
  readonly schedule: Schedule
  /** Before the first step. */
  readonly latents: Tensor
}

/**
 * Makes the schedules and draws the initial latents.
 * @throws RequestError for a schedule that cannot be made
 */
export async function prepareStage(
  model: Model,
  plan: GeneratePlan,
  conditions: Conditions,
  noise: NoiseGenerator,
): Promise<PreparedStage> {
  const { facts } = model
  const scheduler = schedulerOf(model, plan)
  const given = conditions.visual.streams
  const conditioned = plan.latents === undefined ? given : await startingFrom(plan.latents, given)
  const [video] = conditioned as readonly [StreamConditioning]
  const [from, to] = ownPositions(video)
  const { tokens } = toTokens(facts.geometry, { ...latentSizeOf(video.shape), latentFrames: to - from })
  const firstStep = conditioned.some(({ initial }) => initial?.noise === 'added') ? leftOutSteps(plan) : 0
  const scheduled = conditioned.map(stream => {
    const request = { ...spacingOf(model, plan), tokens: stream.tokens ?? tokens }
    return { ...stream, schedule: scheduler.schedule(request) }
  })
  const [{ schedule }] = scheduled as [(typeof scheduled)[number]]
  const timesteps = [...schedule.timesteps.subarray(firstStep, plan.steps)]
  const experts = timesteps.map(timestep => expertAt(facts, plan, schedule, timestep))
  const streams = scheduled.map((stream): PreparedStream => {
    const latents = firstLatents(stream, noise, stream.schedule.sigmas[firstStep]!)
    return { ...stream, latents: tensor('f32', stream.shape, latents) }
  })
  const { sampler } = scheduler
  return { plan, conditions, streams, sampler, firstStep, experts, noise }
}

export interface FinishedStage {
  /** By stream, without positions that were only denoised along. */
  readonly latents: readonly Tensor[]
  readonly noise: NoisePosition
  readonly skippedSteps: number
}

/** Steps of the stages before, and of all. */
export interface StageProgress {
  readonly done: number
  readonly of: number
}

/** @param progress @default that of a run of one stage */
export async function* denoiseStage(
  model: Model,
  stage: PreparedStage,
  { runner, signal, changes, resume, states, previewEvery }: StageContext,
  { done, of }: StageProgress = { done: 0, of: stage.experts.length },
): AsyncGenerator<GenerateEvent, FinishedStage> {
  const { facts } = model
  const { plan, conditions, firstStep } = stage
  const { steps, stepCache: threshold } = plan
  const shapes = stage.streams.map(({ shape }) => shape)
  const denoiser = model.denoiser(shapes, plan)
  const streams = stage.streams.map(({ schedule, ...conditioning }, index) => {
    return denoiseStream(runner.openArrays(denoiser.streams[index]!.shape), schedule, conditioning)
  })
  const arrays = streams.map(stream => stream.arrays)
  const initial = stage.streams.map(({ latents }) => latents)
  const first = resume ?? firstState(firstStep, initial.map(float32Data), stage.noise.position())
  if (resume) checkResumed(resume, initial, { firstStep, steps })
  const runs = runner.runBeside ? [runner.run, runner.runBeside] : [runner.run]
  const context = {
    ...stage,
    ...{ facts, streams, signal },
    noise: resume ? createGenerator(plan.seed, resume.noise) : stage.noise,
    places: runs.map(run => networkPass(model, denoiser, conditions, run)),
    guidances: guidancesOf(model, plan),
    cache: threshold > 0 ? createStepCache({ threshold, firstStep, steps }) : undefined,
  }
  let state = uploadState(arrays, first)
  for await (const step of denoiseSteps(context, state)) {
    state = step.state
    yield* changes()
    const event = { ...step.event, step: done + step.event.step, of }
    yield states ? { ...event, state: await downloadState(arrays, state) } : event
    if (previewEvery === undefined || event.step % previewEvery !== 0 || event.step === of) continue
    const video = { ...streams[0]!, positions: ownPositions(stage.streams[0]!) }
    const preview = await decodePreview(model, plan, video, step.estimate, runner, signal)
    yield { type: 'preview', step: event.step, of, ...preview }
  }
  const latents: Tensor[] = []
  for (const [index, stream] of stage.streams.entries()) {
    const last = state.streams[index]!.latents
    const final = streams[index]!.rule?.final(last) ?? last
    const whole = tensor('f32', stream.shape, await arrays[index]!.download(final))
    // Velocities that stay on a device are looked at here.
    await runner.assertFinite?.(facts.experts[0].graph, { latents: whole })
    latents.push(withoutExtra(whole, stream))
  }
  for (const each of arrays) await each.keepOnly?.([])
  return { latents, noise: context.noise.position(), skippedSteps: state.skippedSteps }
}

/** Where the levels are placed: as the request says, or as the model does. */
function spacingOf(
  model: Model,
  { steps, timesteps, sigmas }: GeneratePlan,
): Spacing & { readonly asGiven?: boolean } {
  const asGiven = model.facts.keepsLevels ?? false
  if (timesteps) return { timesteps, asGiven }
  return sigmas ? { sigmas, asGiven } : model.spacing(steps)
}

/** Steps that are left out when a clip is started from: diffusers' rounding. */
function leftOutSteps({ steps, strength = 1 }: GeneratePlan): number {
  return steps - Math.min(Math.trunc(steps * strength), steps)
}

/** The checkpoint's scheduler with what a request changes of it. @throws RequestError for what it cannot have */
export function schedulerOf({ facts }: Model, { sampler, shift }: GeneratePlan): Scheduler {
  return createScheduler(readSchedulerConfig(facts.scheduler), { sampler, shift })
}

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

/** The positions of a stream that are not only denoised along: from, up to and not including, to. */
function ownPositions({ shape, extra }: StreamConditioning): readonly [from: number, to: number] {
  return [extra?.before ?? 0, shape[1]! - (extra?.after ?? 0)]
}

/** Without the positions that were only denoised along. */
export function withoutExtra(latents: Tensor, stream: StreamConditioning): Tensor {
  return stream.extra ? sliceAxis(latents, 1, ...ownPositions(stream)) : latents
}

/**
 * The expert of a timestep: the first whose range it is in, or as the boundary that a request has says.
 * @throws RequestError for a step that none runs, of a checkpoint that has one of two experts
 */
function expertAt(
  { experts }: ModelFacts,
  { boundary }: Pick<GeneratePlan, 'boundary'>,
  { trainTimesteps }: Pick<Schedule, 'trainTimesteps'>,
  timestep: number,
): number {
  if (boundary !== undefined && experts.length > 1) return timestep >= boundary * trainTimesteps ? 0 : 1
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
