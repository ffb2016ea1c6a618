import { CancelledError } from '../errors.ts'
import { type LatentSize, pixelFramesOf, toLatent, toTokens } from '../geometry/video-geometry.ts'
import { createGuidance, guidanceActive, guided } from '../sampling/guidance.ts'
import { createGenerator, type NoiseGenerator } from '../sampling/noise.ts'
import { emptyHistory } from '../sampling/samplers/sampler.ts'
import { readScheduler } from '../sampling/scheduler.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { decodeChunks } from './decode.ts'
import type {
  ConditioningReadyEvent,
  FramesDecodedEvent,
  GenerateEvent,
  StageSeconds,
  StartEvent,
  StepEndEvent,
} from './events.ts'
import type { Denoiser, Model, ModelFacts, ResidentTensor, RunGraph, TextConditioning } from './family.ts'
import type { GeneratePlan } from './request.ts'

/** Where the graphs of a generation run. */
export interface GraphRunner {
  readonly device: string
  /** Seconds spent inside runs so far. */
  readonly runningSeconds: number
  readonly run: RunGraph
  drop(residents: Iterable<ResidentTensor>): Promise<void>
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
): AsyncGenerator<GenerateEvent, void, undefined> {
  const clock = stageClock(runner)
  const size = toLatent(model.facts.geometry, plan)
  const scheduler = readScheduler(model.facts.scheduler, schedulerOverrides(plan))
  yield { type: 'start', plan, device: runner.device } satisfies StartEvent

  const prompts = await conditionPrompts(model, plan, runner, signal)
  try {
    const noise = createGenerator(plan.seed)
    const shape = [model.facts.latentChannels, size.latentFrames, size.latentHeight, size.latentWidth]
    const initial = tensor('f32', shape, noise.randn(shape.reduce((product, dim) => product * dim, 1)))
    yield conditioningReady(
      prompts.conditional,
      clock.end('conditioning'),
      plan.tensors ? initial : undefined,
    )

    const denoise = model.denoiser(size, runner.run)
    const steps = denoiseSteps({ model, plan, prompts, scheduler, denoise, initial, size, noise, signal })
    let latents: Tensor = initial
    for await (const { event, result } of steps) {
      latents = result
      yield event
    }
    clock.end('denoising')
    await runner.drop(residentsOf(prompts))

    yield* decodeFrames(model.facts, plan, latents, runner, signal)
    clock.end('decoding')
    yield { type: 'video-end', plan, latents, seconds: clock.total() }
  } finally {
    await runner.drop(residentsOf(prompts))
  }
}

interface Prompts {
  readonly conditional: TextConditioning
  /** Only when guidance needs it. */
  readonly unconditional?: TextConditioning
}

async function conditionPrompts(
  model: Model,
  plan: GeneratePlan,
  { run }: GraphRunner,
  signal: AbortSignal,
): Promise<Prompts> {
  checkAborted(signal)
  const conditional = await model.conditionText({ prompt: plan.prompt, textTokens: plan.textTokens }, run)
  if (plan.guidance <= 1) return { conditional }
  checkAborted(signal)
  const negative = { prompt: plan.negativePrompt, textTokens: plan.textTokens }
  return { conditional, unconditional: await model.conditionText(negative, run) }
}

interface DenoiseContext {
  readonly model: Model
  readonly plan: GeneratePlan
  readonly prompts: Prompts
  readonly scheduler: ReturnType<typeof readScheduler>
  readonly denoise: Denoiser
  readonly initial: Tensor
  readonly size: LatentSize
  readonly noise: NoiseGenerator
  readonly signal: AbortSignal
}

/** network → guidance → sampler, for every step; the conditional branch runs first. */
async function* denoiseSteps(
  context: DenoiseContext,
): AsyncGenerator<{ event: StepEndEvent; result: Tensor }> {
  const { model, plan, prompts, scheduler, denoise, initial, noise, signal } = context
  const { tokens } = toTokens(model.facts.geometry, context.size)
  const schedule = scheduler.schedule({ steps: plan.steps, tokens })
  const guidances = [plan.guidance, plan.guidance2].map(scale =>
    createGuidance({ scale, interval: plan.guidanceInterval, rescale: plan.guidanceRescale }),
  )
  let latents = initial.data as Float32Array
  let history = emptyHistory
  for (let step = 0; step < plan.steps; step++) {
    checkAborted(signal)
    const started = performance.now()
    const timestep = schedule.timesteps[step]!
    const expert = expertAt(model.facts, timestep)
    const input = { latents, timestep, expert }
    const conditional = await denoise({ ...input, conditioning: prompts.conditional })
    checkAborted(signal)
    // Whether there is guidance at all is decided by the first expert's, as in diffusers.
    const unconditional =
      prompts.unconditional && guidanceActive(guidances[0]!, step, plan.steps)
        ? await denoise({ ...input, conditioning: prompts.unconditional })
        : undefined
    const velocity = unconditional ? guided(guidances[expert]!, conditional, unconditional) : conditional
    const fresh = scheduler.sampler.stochastic ? { noise: noise.randn(latents.length) } : {}
    ;({ latents, history } = scheduler.sampler.step({ latents, velocity, step, schedule, history, ...fresh }))
    const result = tensor('f32', initial.shape, latents)
    const of = (data: Float32Array) => tensor('f32', initial.shape, data)
    yield {
      result,
      event: {
        type: 'step-end',
        step: step + 1,
        of: plan.steps,
        sigma: schedule.sigmas[step + 1]!,
        timestep,
        seconds: (performance.now() - started) / 1000,
        ...(plan.tensors && {
          tensors: {
            conditional: of(conditional),
            ...(unconditional && { unconditional: of(unconditional) }),
            latents: result,
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
  { tokens, truncated }: TextConditioning,
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

function schedulerOverrides({ sampler, shift }: GeneratePlan) {
  return { ...(sampler && { sampler }), ...(shift !== undefined && { shift }) }
}

function residentsOf({ conditional, unconditional }: Prompts): ResidentTensor[] {
  const feeds = [...conditional.feeds, ...(unconditional?.feeds ?? [])]
  return feeds.flatMap(byName => Object.values(byName))
}

function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new CancelledError({ cause: signal.reason })
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
