import { pixelFramesOf, toLatent } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { Notices, type Notify } from '../notices.ts'
import { stepsWithoutGuidance } from '../sampling/guidance.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { createGenerator, type NoisePosition } from '../tensor/random.ts'
import { clipSound, type SoundSource, soundSource } from './clip-sound.ts'
import { condition, residentsOf } from './condition.ts'
import { decodeClip } from './decode.ts'
import {
  denoiseStage,
  type PreparedStage,
  prepareStage,
  type RunSettings,
  type StageContext,
  schedulerOf,
} from './denoise-stage.ts'
import type { GenerateEvent, StageSeconds, StartEvent } from './events.ts'
import type { DecodeContext, Model, ModelFacts } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { planText } from './memory-plan.ts'
import type { GeneratePlan } from './request.ts'
import { denoiseStages } from './stages.ts'
import { guidancesOf } from './velocity.ts'
import { isOutOfMemory } from './within-memory.ts'

/** What the caller of a run adds to its settings. */
export interface RunContext extends RunSettings {
  /** What was noticed before; the run adds to it and says all of it. */
  readonly notices?: Notices
  /** The experts that adapters change, by their index in the facts. @default none */
  readonly adaptedExperts?: readonly number[]
  /** How a clip begins that goes on from another: at its size, a length that the model can make. */
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
  { opening, notices = new Notices(), adaptedExperts = [], ...settings }: RunContext = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  // Both throw before anything runs.
  toLatent(model.facts.geometry, plan)
  schedulerOf(model, plan)
  const notify = notices.add
  const sound = isSilent(model, plan) ? undefined : await soundSource(model, plan, notify)
  yield startEvent(plan, runner, sound)
  yield* noticeEvents(notices)
  let { memory } = runner
  function* changes(): Generator<GenerateEvent> {
    if (runner.memory !== memory) {
      memory = runner.memory
      yield { type: 'memory-plan', memory, text: planText(memory) }
    }
    yield* noticeEvents(notices)
  }

  const noise = createGenerator(plan.seed)
  const context = { ...settings, runner, signal, notify, changes }
  const conditions = await condition(model, plan, { ...context, noise }, opening)
  try {
    const stage = await prepareStage(model, plan, conditions, noise)
    noticeIdleExperts(model.facts, stage, adaptedExperts, notify)
    yield* changes()
    const { tokens: promptTokens, truncated } = conditions.conditional
    const tensors = plan.tensors && { tensors: { latents: stage.streams[0]!.latents } }
    yield {
      type: 'conditioning-ready',
      seconds: clock.end('conditioning'),
      promptTokens,
      truncated,
      ...tensors,
    }

    const found = yield* plan.upsampler === undefined
      ? denoiseStage(model, stage, context)
      : denoiseStages(model, stage, context)
    clock.end('denoising')
    await runner.drop(residentsOf(conditions))

    const latents = found.latents[0]!
    if (sound) {
      yield* clipSound(model, { plan, source: sound, latents: found.latents }, runner, signal, notify)
    }
    yield* changes()
    yield* decodeFrames(model, { latents, noise: found.noise, plan }, context)
    yield* changes()
    clock.end('decoding')
    yield {
      type: 'video-end',
      plan,
      latents,
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
  facts: ModelFacts,
  { plan, experts }: PreparedStage,
  adapted: readonly number[],
  notify: Notify,
): void {
  for (const expert of facts.experts.keys()) {
    if (experts.includes(expert)) continue
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
  { runner, signal, changes }: StageContext,
): AsyncGenerator<GenerateEvent> {
  const of = pixelFramesOf(model.facts.geometry, latents.shape[1]!)
  let given = 0
  for (;;) {
    let end = 0
    try {
      const context = { latents, plan, noise: createGenerator(plan.seed, noise) }
      for await (const { tensors, seconds } of decodeClip(model, context, runner, signal)) {
        const [length, height, width] = tensors.frames!.shape as [number, number, number]
        end += length
        yield* changes()
        const count = end - Math.max(given, end - length)
        if (count <= 0) continue
        const frames = (tensors.frames!.data as Uint8Array).subarray((length - count) * height * width * 3)
        const decoded = tensors.decoded && {
          tensors: { decoded: sliceAxis(tensors.decoded, 0, length - count, length) },
        }
        given = end
        yield {
          ...{ type: 'frames-decoded', first: end - count, count, of, width, height, seconds, frames },
          ...decoded,
        }
      }
      return
    } catch (error) {
      if (!isOutOfMemory(error) || !(await runner.shrink())) throw error
    }
  }
}

/** Those that have not been said. */
export function* noticeEvents(notices: Notices): Generator<GenerateEvent> {
  for (const notice of notices.take()) yield { type: 'notice', ...notice }
}

/** Seconds of every stage: each ends where the next begins. */
function stageClock(runner: GraphRunner) {
  const started = performance.now()
  const runningBefore = runner.runningSeconds
  const seconds = { conditioning: 0, denoising: 0, decoding: 0 }
  let last = started
  return {
    end(stage: keyof typeof seconds): number {
      const now = performance.now()
      seconds[stage] = (now - last) / 1000
      last = now
      return seconds[stage]
    },
    total(): StageSeconds {
      const running = runner.runningSeconds - runningBefore
      return { ...seconds, total: (last - started) / 1000, running }
    },
  }
}
