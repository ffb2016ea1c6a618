import { type LatentSize, pixelFramesOf, toLatent, toTokens } from '../geometry/video-geometry.ts'
import { addNoise } from '../sampling/add-noise.ts'
import { createGenerator } from '../sampling/noise.ts'
import { readScheduler } from '../sampling/scheduler.ts'
import { sliceAxis } from '../tensor/axis.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { type Conditions, condition, residentsOf } from './condition.ts'
import { decodeChunks } from './decode.ts'
import { denoiseSteps } from './denoise.ts'
import type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  StageSeconds,
  StartEvent,
} from './events.ts'
import type { Model, ModelFacts, ResidentTensor, VisualConditioning } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'

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
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  const size = toLatent(model.facts.geometry, plan)
  const scheduler = readScheduler(model.facts.scheduler, schedulerOverrides(plan))
  yield { type: 'start', plan, device: runner.device } satisfies StartEvent

  const conditions = await condition(model, plan, size, runner, signal)
  try {
    const denoised = withFrames(size, size.latentFrames + conditions.visual.leadingFrames)
    const noise = createGenerator(plan.seed)
    const shape = [model.facts.latentChannels, denoised.latentFrames, size.latentHeight, size.latentWidth]
    const fresh = noise.randn(shape.reduce((product, dim) => product * dim, 1))
    const schedule = scheduler.schedule({
      steps: plan.steps,
      tokens: toTokens(model.facts.geometry, denoised).tokens,
    })
    const firstStep = conditions.visual.start ? leftOutSteps(plan) : 0
    const initial = tensor('f32', shape, startLatents(conditions.visual, fresh, schedule.sigmas[firstStep]!))
    yield conditioningReady(conditions, clock.end('conditioning'), plan.tensors ? initial : undefined)

    const denoise = model.denoiser(denoised, runner.run)
    let latents: Tensor = initial
    let skippedSteps = 0
    const context = { model, plan, conditions, sampler: scheduler.sampler, schedule, denoise, noise, signal }
    for await (const { event, result } of denoiseSteps(context, initial, firstStep)) {
      latents = result
      if (event.skipped) skippedSteps++
      yield event
    }
    clock.end('denoising')
    await runner.drop(residentsOf(conditions))

    const clip = sliceAxis(latents, 1, conditions.visual.leadingFrames, denoised.latentFrames)
    yield* decodeFrames(model.facts, plan, clip, runner, signal)
    clock.end('decoding')
    yield { type: 'video-end', plan, latents: clip, skippedSteps, seconds: clock.total() }
  } finally {
    await runner.drop(residentsOf(conditions))
  }
}

async function* decodeFrames(
  facts: ModelFacts,
  plan: GeneratePlan,
  latents: Tensor,
  runner: GraphRunner,
  signal: AbortSignal,
): AsyncGenerator<FramesDecodedEvent> {
  const { decoder, geometry } = facts
  const { run } = runner
  const drop = (residents: Iterable<ResidentTensor>) => runner.drop(residents)
  const of = pixelFramesOf(geometry, latents.shape[1]!)
  const chunks = decodeChunks({
    decoder,
    latents,
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

/** Noise, or a clip with as much noise as the first step's level asks for. */
function startLatents({ start }: VisualConditioning, noise: Float32Array, sigma: number): Float32Array {
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
