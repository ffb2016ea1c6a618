import { pixelFramesOf, toLatent } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { Notices, type Notify } from '../notices.ts'
import { stepsWithoutGuidance } from '../sampling/guidance.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { createGenerator, type NoisePosition } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { clipSound, type SoundSource, soundSource } from './clip-sound.ts'
import { condition, residentsOf } from './condition.ts'
import type { Conditions } from './conditioning.ts'
import { decodeClip } from './decode.ts'
import { denoiseStage, type PreparedStage, prepareStage, schedulerOf } from './denoise-stage.ts'
import type { DenoiseState } from './denoise-state.ts'
import type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  MemoryPlanEvent,
  NoticeEvent,
  StageSeconds,
  StartEvent,
} from './events.ts'
import type { DecodeContext, Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { planText } from './memory-plan.ts'
import type { GeneratePlan } from './request.ts'
import { denoiseStages } from './stages.ts'
import { guidancesOf } from './velocity.ts'
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
  /** The experts that adapters change, by their index in the facts. @default none */
  readonly adaptedExperts?: readonly number[]
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
  {
    resume,
    states = false,
    previewEvery,
    opening,
    notices = new Notices(),
    adaptedExperts = [],
  }: RunContext & Opening = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  // Both throw before anything runs.
  toLatent(model.facts.geometry, plan)
  schedulerOf(model, plan)
  const sound = isSilent(model, plan) ? undefined : await soundSource(model, plan, notices.add)
  yield startEvent(plan, runner, sound)
  yield* noticeEvents(notices)
  let { memory } = runner
  function* changes(): Generator<MemoryPlanEvent | NoticeEvent> {
    if (runner.memory !== memory) {
      memory = runner.memory
      yield { type: 'memory-plan', memory, text: planText(memory) }
    }
    yield* noticeEvents(notices)
  }

  const before = createGenerator(plan.seed)
  const context = { noise: before, runner, signal, notify: notices.add }
  const conditions = await condition(model, plan, context, opening)
  try {
    const stage = await prepareStage(model, plan, conditions, before)
    noticeIdleExperts(stage, adaptedExperts, notices.add)
    yield* changes()
    const [initial] = stage.initial
    yield conditioningReady(conditions, clock.end('conditioning'), plan.tensors ? initial : undefined)

    const how = { resume, states, previewEvery }
    const found = yield* plan.upsampler === undefined
      ? denoiseStage(model, stage, runner, signal, changes, {
          ...how,
          done: 0,
          of: plan.steps - stage.firstStep,
        })
      : denoiseStages(model, stage, { ...how, runner, signal, changes, notify: notices.add })
    clock.end('denoising')
    await runner.drop(residentsOf(conditions))

    const clip = found.latents[0]!
    if (sound) {
      yield* clipSound(model, { plan, source: sound, latents: found.latents }, runner, signal, notices.add)
    }
    yield* changes()
    yield* decodeFrames(model, { latents: clip, noise: found.noise, plan }, runner, signal, changes)
    yield* changes()
    clock.end('decoding')
    yield {
      type: 'video-end',
      plan,
      latents: clip,
      skippedSteps: found.skippedSteps,
      unguidedSteps: stepsWithoutGuidance(guidancesOf(model, plan)[0]![0]!, stage.firstStep, plan.steps),
      seconds: clock.total(),
    }
  } finally {
    await runner.drop(residentsOf(conditions))
  }
}

/** Notices what a request says for an expert that none of its steps is one of. */
function noticeIdleExperts(
  { plan, idleExperts }: PreparedStage,
  adapted: readonly number[],
  notify: Notify,
): void {
  for (const expert of idleExperts) {
    // The guidance of the first also decides which passes a step needs.
    const guidance = expert > 0 && plan.guidance[expert] !== undefined ? ['guidance'] : []
    const adapters = adapted.includes(expert) ? ['adapters'] : []
    for (const what of [...guidance, ...adapters]) {
      notify('request/unused', `${what} of expert ${expert + 1}: no effect, as it runs none of the steps.`)
    }
  }
}

/** Whether nothing could give the video a sound: no file, no clip, and no stream of the model. */
function isSilent({ facts }: Model, { audio, video, extend }: GeneratePlan): boolean {
  return audio === false || (audio === true && !facts.sound && video === undefined && extend === undefined)
}

/** The event that a run begins with. */
export function startEvent(
  plan: GeneratePlan,
  { device, memory }: Pick<GraphRunner, 'device' | 'memory'>,
  source: SoundSource | undefined,
): StartEvent {
  if (!source) return { type: 'start', plan, device, memory }
  const { rate, channels, origin, path } = source
  const sound = { rate, channels, origin, ...(path !== undefined && { path }) }
  return { type: 'start', plan, device, memory, sound }
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
  changes: () => Iterable<GenerateEvent>,
): AsyncGenerator<GenerateEvent> {
  const of = pixelFramesOf(model.facts.geometry, latents.shape[1]!)
  let given = 0
  for (;;) {
    let first = 0
    try {
      const context = { latents, plan, noise: createGenerator(plan.seed, noise) }
      for await (const { tensors, seconds } of decodeClip(model, context, runner, signal)) {
        const { frames, decoded } = tensors
        const [count, height, width] = frames!.shape as [number, number, number]
        const part = { first, count, of, width, height, seconds }
        first += count
        yield* changes()
        if (first <= given) continue
        yield framesDecoded(part, frames!.data as Uint8Array, decoded, given)
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

/** Those that have not been said. */
export function* noticeEvents(notices: Notices): Generator<NoticeEvent> {
  for (const notice of notices.take()) yield { type: 'notice', ...notice }
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
