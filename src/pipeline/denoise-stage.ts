/** One stage of a run: from what the network sees to finished latents of every stream. */
import { RequestError } from '../errors.ts'
import { latentSizeOf, toTokens } from '../geometry/video-geometry.ts'
import { addNoise } from '../sampling/add-noise.ts'
import type { Sampler } from '../sampling/samplers/sampler.ts'
import { createScheduler, type Scheduler } from '../sampling/scheduler.ts'
import type { Schedule, Spacing } from '../sampling/schedules/schedule.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { elementCount } from '../tensor/dtype.ts'
import { createGenerator, type NoiseGenerator, type NoisePosition } from '../tensor/random.ts'
import { float32Data, type Tensor, tensor } from '../tensor/tensor.ts'
import { readSchedulerConfig } from '../weights/scheduler-config.ts'
import type { Conditions } from './conditioning.ts'
import { denoiseSteps, denoiseStreams, expertAt } from './denoise.ts'
import { type DenoiseState, downloadState, firstState, uploadState } from './denoise-state.ts'
import type { GenerateEvent } from './events.ts'
import type { Model, StreamConditioning } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { decodePreview, expectedFrame } from './preview.ts'
import { readLatents } from './read-latents.ts'
import type { GeneratePlan } from './request.ts'
import { networkPass } from './velocity.ts'

/** A stage before its first step. */
export interface PreparedStage {
  readonly plan: GeneratePlan
  readonly conditions: Conditions
  readonly streams: readonly StreamConditioning[]
  readonly schedules: readonly Schedule[]
  readonly sampler: Sampler
  /** Of the schedule; those before it are left out. */
  readonly firstStep: number
  /** Of the facts' experts, those that no step is one of. */
  readonly idleExperts: readonly number[]
  /** By stream. */
  readonly initial: readonly Tensor[]
  /** The generator, after the initial latents were drawn. */
  readonly noise: NoiseGenerator
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
  const scheduler = schedulerOf(model, plan)
  const streams = await startingFrom(plan.latents, conditions.visual.streams)
  const clip = withoutExtraShape(streams[0]!)
  const { tokens } = toTokens(model.facts.geometry, latentSizeOf(clip))
  const schedules = streams.map(stream => {
    return scheduler.schedule({ ...spacingOf(model, plan), tokens: stream.tokens ?? tokens })
  })
  const firstStep = streams.some(({ initial }) => initial?.noise === 'added') ? leftOutSteps(plan) : 0
  const [schedule] = schedules
  const running = new Set<number>()
  for (const timestep of schedule!.timesteps.subarray(firstStep, plan.steps)) {
    running.add(expertAt(model.facts, plan, schedule!, timestep))
  }
  const idleExperts = [...model.facts.experts.keys()].filter(expert => !running.has(expert))
  const initial = streams.map((stream, index) => {
    return tensor('f32', stream.shape, firstLatents(stream, noise, schedules[index]!.sigmas[firstStep]!))
  })
  const { sampler } = scheduler
  return { plan, conditions, streams, schedules, sampler, firstStep, idleExperts, initial, noise }
}

export interface StageSettings {
  readonly resume: DenoiseState | undefined
  readonly states: boolean
  readonly previewEvery: number | undefined
  /** Steps of the stages before. */
  readonly done: number
  /** Steps of all stages. */
  readonly of: number
}

export interface FinishedStage {
  /** By stream, without positions that were only denoised along. */
  readonly latents: readonly Tensor[]
  readonly noise: NoisePosition
  readonly skippedSteps: number
}

/** @param changes events that are due before that of a step */
export async function* denoiseStage(
  model: Model,
  stage: PreparedStage,
  runner: GraphRunner,
  signal: AbortSignal,
  changes: () => Iterable<GenerateEvent>,
  { resume, states, previewEvery, done, of }: StageSettings,
): AsyncGenerator<GenerateEvent, FinishedStage> {
  const { plan, conditions, streams, schedules, sampler, firstStep, initial } = stage
  const denoiser = model.denoiser(
    streams.map(({ shape }) => shape),
    plan,
  )
  const arrays = denoiser.streams.map(({ shape }) => runner.openArrays(shape))
  const first = resume ?? firstState(firstStep, initial.map(float32Data), stage.noise.position())
  checkState(first, initial, plan)
  let state = uploadState(arrays, first)
  const { runBeside } = runner
  const denoised = denoiseStreams(conditions, arrays, schedules)
  const context = {
    ...{ model, plan, conditions, signal, sampler, streams: denoised },
    noise: resume ? createGenerator(plan.seed, resume.noise) : stage.noise,
    denoise: networkPass(model, denoiser, runner.run),
    denoiseBeside: runBeside && networkPass(model, denoiser, runBeside),
  }
  const [video] = streams
  for await (const step of denoiseSteps(context, firstStep, state)) {
    state = step.state
    yield* changes()
    const event = { ...step.event, step: done + step.event.step, of }
    yield states ? { ...event, state: await downloadState(arrays, state) } : event
    if (previewEvery === undefined || event.step % previewEvery !== 0 || event.step === of) continue
    const clip = withoutExtraShape(video!)
    const middle = (video!.extra?.before ?? 0) + Math.floor(clip[1]! / 2)
    const frame = await expectedFrame(arrays[0]!, step.estimate, schedules[0]!, video!.shape, middle)
    const preview = await decodePreview(model, plan, frame, runner, signal)
    yield { type: 'preview', step: event.step, of, ...preview }
  }
  const latents: Tensor[] = []
  for (const [index, stream] of streams.entries()) {
    const last = state.streams[index]!.latents
    const final = denoised[index]!.rule?.final(last) ?? last
    const whole = tensor('f32', stream.shape, await arrays[index]!.download(final))
    // Velocities that stay on a device are looked at here.
    await runner.assertFinite?.(model.facts.experts[0].graph, { latents: whole })
    latents.push(withoutExtra(whole, stream))
  }
  for (const each of arrays) await each.keepOnly([])
  return { latents, noise: context.noise.position(), skippedSteps: state.skippedSteps }
}

/** The shape of a stream without the positions that are only denoised along. */
function withoutExtraShape({ shape, extra }: StreamConditioning): number[] {
  return shape.map((dim, axis) => (axis === 1 && extra ? dim - extra.before - extra.after : dim))
}

/** @throws RequestError for a state of another plan */
function checkState(
  { step, streams }: DenoiseState,
  initial: readonly Tensor[],
  { steps }: GeneratePlan,
): void {
  const wrong = initial.findIndex(({ data }, index) => streams[index]?.latents.length !== data.length)
  if (wrong < 0 && step >= 0 && step <= steps) return
  const index = Math.max(wrong, 0)
  throw new RequestError('request/invalid', {
    subject: 'state to resume from',
    expected: `latents of ${initial[index]!.shape.join('x')} and a step of ${steps}`,
    got: `${streams[index]?.latents.length ?? 0} values and step ${step}`,
    advice: 'Resume with the request that the state was saved for, or start anew.',
  })
}

/** The streams, of which the first begins with the latents of a file where a request names one. */
async function startingFrom(
  path: string | undefined,
  streams: readonly StreamConditioning[],
): Promise<readonly StreamConditioning[]> {
  const [video, ...others] = streams
  if (path === undefined || !video) return streams
  const latents = await readLatents(path, video.shape)
  return [{ ...video, initial: { latents, noise: 'added' } }, ...others]
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
  return createScheduler(readSchedulerConfig(facts.scheduler), {
    ...(sampler && { sampler }),
    ...(shift !== undefined && { shift }),
  })
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

/** Without the positions that were only denoised along. */
export function withoutExtra(latents: Tensor, { extra }: StreamConditioning): Tensor {
  if (!extra) return latents
  return sliceAxis(latents, 1, extra.before, latents.shape[1]! - extra.after)
}
