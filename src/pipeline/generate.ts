import { RequestError } from '../errors.ts'
import { type LatentSize, pixelFramesOf, toLatent, toTokens } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { addNoise } from '../sampling/add-noise.ts'
import { stepsWithoutGuidance } from '../sampling/guidance.ts'
import { createGenerator, type NoiseGenerator } from '../sampling/noise.ts'
import { readScheduler } from '../sampling/scheduler.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { withClean } from './clean-frames.ts'
import { type Conditions, condition, residentsOf } from './condition.ts'
import { decodeChunks } from './decode.ts'
import { denoiseSteps, guidancesOf } from './denoise.ts'
import { type DenoiseState, firstState } from './denoise-state.ts'
import type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  StageSeconds,
  StartEvent,
} from './events.ts'
import type { DecodeContext, Model, ResidentTensor, VisualConditioning } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { decodePreview, expectedFrame } from './preview.ts'
import type { GeneratePlan } from './request.ts'

/** How a run is made, beside what is made. */
export interface RunSettings {
  /** The state that an earlier run of the same plan was left in: the steps before it are not done again. */
  readonly resume?: DenoiseState
  /** Whether the events of steps carry the state to resume from. */
  readonly states?: boolean
  /**
   * Steps from one preview to the next; none unless given. A preview needs the decoder: where components are released
   * after use, it costs that the transformer is loaded again.
   */
  readonly previewEvery?: number
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
  { resume, states = false, previewEvery, opening }: RunSettings & Opening = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  const size = toLatent(model.facts.geometry, plan)
  const scheduler = readScheduler(model.facts.scheduler, schedulerOverrides(plan))
  yield { type: 'start', plan, device: runner.device } satisfies StartEvent

  const before = createGenerator(plan.seed)
  const conditions = await condition(model, plan, size, before, runner, signal, opening)
  try {
    const { visual } = conditions
    const denoised = withFrames(size, size.latentFrames + visual.leadingFrames)
    const shape = [model.facts.latentChannels, denoised.latentFrames, size.latentHeight, size.latentWidth]
    const { tokens } = toTokens(model.facts.geometry, size)
    const schedule = scheduler.schedule({ ...model.spacing(plan.steps), tokens })
    const firstStep = visual.start ? leftOutSteps(plan) : 0
    const initial = tensor('f32', shape, startLatents(visual, shape, before, schedule.sigmas[firstStep]!))
    yield conditioningReady(conditions, clock.end('conditioning'), plan.tensors ? initial : undefined)

    const denoise = model.denoiser(denoised, runner.run)
    let state = resume ?? firstState(firstStep, initial.data as Float32Array, before.position())
    checkState(state, initial, plan)
    const noise = resume ? createGenerator(plan.seed, resume.noise) : before
    const context = { model, plan, conditions, sampler: scheduler.sampler, schedule, denoise, noise, signal }
    for await (const step of denoiseSteps(context, initial, firstStep, state)) {
      state = step.state
      const { event, estimate } = step
      yield states ? { ...event, state } : event
      if (previewEvery === undefined || event.step % previewEvery !== 0 || event.step === event.of) continue
      const middle = visual.leadingFrames + Math.floor(size.latentFrames / 2)
      const preview = await decodePreview(model, plan, expectedFrame(estimate, shape, middle), runner)
      yield { type: 'preview', step: event.step, of: event.of, ...preview }
    }
    clock.end('denoising')
    await runner.drop(residentsOf(conditions))

    const latents = tensor('f32', shape, withClean(state.latents, visual.clean, shape))
    const clip = sliceAxis(latents, 1, visual.leadingFrames, denoised.latentFrames)
    yield* decodeFrames(model, { latents: clip, noise, plan }, runner, signal)
    clock.end('decoding')
    yield {
      type: 'video-end',
      plan,
      latents: clip,
      skippedSteps: state.skippedSteps,
      unguidedSteps: stepsWithoutGuidance(guidancesOf(plan)[0]!, firstStep, plan.steps),
      seconds: clock.total(),
    }
  } finally {
    await runner.drop(residentsOf(conditions))
  }
}

/** @throws RequestError for a state of another plan */
function checkState({ step, latents }: DenoiseState, { shape, data }: Tensor, { steps }: GeneratePlan): void {
  if (latents.length === data.length && step >= 0 && step <= steps) return
  throw new RequestError('request/invalid', {
    subject: 'state to resume from',
    expected: `latents of ${shape.join('x')} and a step of ${steps}`,
    got: `${latents.length} values and step ${step}`,
    advice: 'Resume with the request that the state was saved for, or start anew.',
  })
}

async function* decodeFrames(
  model: Model,
  context: DecodeContext,
  runner: GraphRunner,
  signal: AbortSignal,
): AsyncGenerator<FramesDecodedEvent> {
  const { decoder, geometry } = model.facts
  const { latents, plan } = context
  const { run } = runner
  const drop = (residents: Iterable<ResidentTensor>) => runner.drop(residents)
  const of = pixelFramesOf(geometry, latents.shape[1]!)
  const chunks = decodeChunks({
    decoder,
    latents,
    feeds: model.decoderFeeds(context, 'whole'),
    chunk: plan.chunk,
    tensors: plan.tensors,
    run,
    drop,
    signal,
  })
  let first = 0
  for await (const { frames, decoded, seconds } of chunks) {
    const [count, height, width] = frames.shape as [number, number, number]
    const data = frames.data as Uint8Array
    const tensors = decoded && { tensors: { decoded } }
    yield { type: 'frames-decoded', first, count, of, width, height, frames: data, seconds, ...tensors }
    first += count
  }
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

/** Steps that are left out when a clip is started from: diffusers' rounding. */
function leftOutSteps({ steps, strength = 1 }: GeneratePlan): number {
  return steps - Math.min(Math.trunc(steps * strength), steps)
}

/** Noise, or a clip with as much noise as the first step's level asks for, or what the model made of its inputs. */
function startLatents(
  { initial, start }: VisualConditioning,
  shape: readonly number[],
  generator: NoiseGenerator,
  sigma: number,
): Float32Array {
  if (initial) return initial
  const noise = generator.randn(shape.reduce((product, dim) => product * dim, 1))
  return start ? addNoise(start, noise, sigma) : noise
}

function withFrames(size: LatentSize, latentFrames: number): LatentSize {
  return { ...size, latentFrames }
}

function schedulerOverrides({ sampler, shift }: GeneratePlan) {
  return { ...(sampler && { sampler }), ...(shift !== undefined && { shift }) }
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
