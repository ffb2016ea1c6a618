import { RequestError } from '../errors.ts'
import { pixelFramesOf, toLatent, toTokens } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { Notices } from '../notices.ts'
import { stepsWithoutGuidance } from '../sampling/guidance.ts'
import { createGenerator, type NoisePosition } from '../sampling/noise.ts'
import { readScheduler } from '../sampling/scheduler.ts'
import type { Spacing } from '../sampling/schedules/schedule.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { float32Data, type Tensor, tensor } from '../tensor/tensor.ts'
import { type Conditions, condition, residentsOf } from './condition.ts'
import { decodeClip } from './decode-clip.ts'
import { denoiseSteps, denoiseStreams, expertAt } from './denoise.ts'
import { type DenoiseState, downloadState, firstState, uploadState } from './denoise-state.ts'
import type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  MemoryPlanEvent,
  NoticeEvent,
  StageSeconds,
  StartEvent,
} from './events.ts'
import type { DecodeContext, Model, StreamConditioning } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { planText } from './memory-plan.ts'
import { networkPass } from './network-pass.ts'
import { decodePreview, expectedFrame } from './preview.ts'
import { readLatents } from './read-latents.ts'
import type { GeneratePlan } from './request.ts'
import { firstLatents, guidancesOf, withoutExtra } from './streams.ts'
import { upsample } from './upsample.ts'
import { isOutOfMemory } from './within-memory.ts'

/** How a run is made, beside what is made. */
export interface RunSettings {
  /** The state that an earlier run of the same plan was left in: the steps before it are not done again. */
  readonly resume?: DenoiseState
  /** Whether the events of steps carry the state to resume from. */
  readonly states?: boolean
  /**
   * Steps from one preview to the next; without it there are none. A preview needs the decoder: where components are released
   * after use, it costs that the transformer is loaded again.
   */
  readonly previewEvery?: number
}

/** What the caller of a run adds to its settings. */
export interface RunContext extends RunSettings {
  /** What was noticed before; the run adds to it and says all of it. */
  readonly notices?: Notices
}

/** How a clip begins that goes on from another: at the size of the clip, a length that the model can make. */
interface Opening {
  readonly opening?: readonly Picture[]
}

/**
 * Makes one video: conditions, denoises, decodes. Ends at the next step or chunk when the signal aborts or the
 * caller stops iterating, with everything freed that it kept on the device.
 * @throws RequestError for a size that the model cannot make, before anything runs
 * @throws CancelledError when the signal aborts
 */
export async function* generate(
  model: Model,
  plan: GeneratePlan,
  runner: GraphRunner,
  signal: AbortSignal,
  { resume, states = false, previewEvery, opening, notices = new Notices() }: RunContext & Opening = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  const size = toLatent(model.facts.geometry, plan)
  const scheduler = readScheduler(model.facts.scheduler, schedulerOverrides(plan))
  yield { type: 'start', plan, device: runner.device, memory: runner.memory } satisfies StartEvent
  yield* noticeEvents(notices)
  const memory = memoryWatch(runner)

  const before = createGenerator(plan.seed)
  const conditions = await condition(model, plan, size, before, runner, signal, notices.add, opening)
  try {
    const streams = await startingFrom(plan.latents, conditions.visual.streams)
    const { tokens } = toTokens(model.facts.geometry, size)
    const schedules = streams.map(stream => {
      return scheduler.schedule({ ...spacingOf(model, plan), tokens: stream.tokens ?? tokens })
    })
    const firstStep = streams.some(({ initial }) => initial?.noise === 'added') ? leftOutSteps(plan) : 0
    for (const timestep of schedules[0]!.timesteps.subarray(firstStep)) expertAt(model.facts, timestep)
    const initial = streams.map((stream, index) => {
      return tensor('f32', stream.shape, firstLatents(stream, before, schedules[index]!.sigmas[firstStep]!))
    })
    yield* memory.changes()
    yield* noticeEvents(notices)
    yield conditioningReady(conditions, clock.end('conditioning'), plan.tensors ? initial[0] : undefined)

    const denoiser = model.denoiser(
      streams.map(({ shape }) => shape),
      plan,
    )
    const arrays = denoiser.streams.map(({ shape }) => runner.openArrays(shape))
    const first = resume ?? firstState(firstStep, initial.map(float32Data), before.position())
    checkState(first, initial, plan)
    let state = uploadState(arrays, first)
    const { sampler } = scheduler
    const { runBeside } = runner
    const denoised = denoiseStreams(conditions, arrays, schedules)
    const context = {
      ...{ model, plan, conditions, signal, sampler, streams: denoised },
      noise: resume ? createGenerator(plan.seed, resume.noise) : before,
      denoise: networkPass(model, denoiser, runner.run),
      denoiseBeside: runBeside && networkPass(model, denoiser, runBeside),
    }
    const [video] = streams
    for await (const step of denoiseSteps(context, firstStep, state)) {
      state = step.state
      yield* memory.changes()
      const { event, estimate } = step
      yield states ? { ...event, state: await downloadState(arrays, state) } : event
      if (previewEvery === undefined || event.step % previewEvery !== 0 || event.step === event.of) continue
      const middle = (video!.extra?.before ?? 0) + Math.floor(size.latentFrames / 2)
      const frame = await expectedFrame(arrays[0]!, estimate, schedules[0]!, video!.shape, middle)
      const preview = await decodePreview(model, plan, frame, runner, signal)
      yield { type: 'preview', step: event.step, of: event.of, ...preview }
    }
    clock.end('denoising')
    await runner.drop(residentsOf(conditions))

    const final = denoised[0]!.rule.final(state.streams[0]!.latents)
    const latents = tensor('f32', video!.shape, await arrays[0]!.download(final))
    for (const each of arrays) await each.keepOnly([])
    const clip = await upsample(plan, withoutExtra(latents, video!), runner)
    yield* decodeFrames(
      model,
      { latents: clip, noise: context.noise.position(), plan },
      runner,
      signal,
      memory,
    )
    yield* memory.changes()
    clock.end('decoding')
    yield {
      type: 'video-end',
      plan,
      latents: clip,
      skippedSteps: state.skippedSteps,
      unguidedSteps: stepsWithoutGuidance(guidancesOf(model, plan)[0]![0]!, firstStep, plan.steps),
      seconds: clock.total(),
    }
  } finally {
    await runner.drop(residentsOf(conditions))
  }
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

/**
 * Decodes the clip, in smaller parts where it does not fit: the latents are kept, and frames that were given out before
 * the memory ran out are not given out again.
 */
async function* decodeFrames(
  model: Model,
  { latents, plan, noise }: Omit<DecodeContext, 'noise'> & { readonly noise: NoisePosition },
  runner: GraphRunner,
  signal: AbortSignal,
  memory: ReturnType<typeof memoryWatch>,
): AsyncGenerator<FramesDecodedEvent | MemoryPlanEvent> {
  const of = pixelFramesOf(model.facts.geometry, latents.shape[1]!)
  let given = 0
  for (;;) {
    let first = 0
    try {
      const context = { latents, plan, noise: createGenerator(plan.seed, noise) }
      for await (const { frames, decoded, seconds } of decodeClip(model, context, runner, signal)) {
        const [count, height, width] = frames.shape as [number, number, number]
        const part = { first, count, of, width, height, seconds }
        first += count
        yield* memory.changes()
        if (first <= given) continue
        yield framesDecoded(part, frames.data as Uint8Array, decoded, given)
        given = first
      }
      return
    } catch (error) {
      if (!isOutOfMemory(error) || !(await runner.shrink())) throw error
    }
  }
}

/** A part of the clip without the frames before `given`. */
function framesDecoded(
  { first, count, ...rest }: Omit<FramesDecodedEvent, 'type' | 'frames' | 'tensors'>,
  frames: Uint8Array,
  decoded: Tensor | undefined,
  given: number,
): FramesDecodedEvent {
  const skipped = Math.max(0, given - first)
  const tensors = decoded && { tensors: { decoded: sliceAxis(decoded, 0, skipped, count) } }
  const pixels = frames.subarray((frames.length / count) * skipped)
  const part = { first: first + skipped, count: count - skipped, ...rest }
  return { type: 'frames-decoded', ...part, frames: pixels, ...tensors }
}

function conditioningReady(
  { conditional: { tokens, truncated } }: Conditions,
  seconds: number,
  latents: Tensor | undefined,
): ConditioningReadyEvent {
  return {
    type: 'conditioning-ready',
    seconds,
    promptTokens: tokens,
    truncated,
    ...(latents && { tensors: { latents } }),
  }
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

function schedulerOverrides({ sampler, shift }: GeneratePlan) {
  return { ...(sampler && { sampler }), ...(shift !== undefined && { shift }) }
}

/** Those that have not been said. */
export function* noticeEvents(notices: Notices): Generator<NoticeEvent> {
  for (const notice of notices.take()) yield { type: 'notice', ...notice }
}

/** Tells of plans that the runner has gone over to. */
function memoryWatch(runner: GraphRunner) {
  let known = runner.memory
  return {
    *changes(): Generator<MemoryPlanEvent> {
      const { memory } = runner
      if (memory === known) return
      known = memory
      yield { type: 'memory-plan', memory, text: planText(memory) }
    },
  }
}

/** Seconds of every stage: each ends where the next begins. */
function stageClock(runner: GraphRunner) {
  const started = performance.now()
  const runningBefore = runner.runningSeconds
  const stages: Record<string, number> = {}
  let last = started
  return {
    end(stage: 'conditioning' | 'denoising' | 'decoding'): number {
      const now = performance.now()
      stages[stage] = (now - last) / 1000
      last = now
      return stages[stage]
    },
    total(): StageSeconds {
      const { conditioning = 0, denoising = 0, decoding = 0 } = stages
      const running = runner.runningSeconds - runningBefore
      return { conditioning, denoising, decoding, total: (last - started) / 1000, running }
    },
  }
}
