import { checkAborted } from '../errors.ts'
import type { Sampler } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { elementCount } from '../tensor/dtype.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import { arraysOf, type DenoiseState, type StreamState } from './denoise-state.ts'
import type { StepEndEvent } from './events.ts'
import type { ModelFacts, StepTimes, StreamConditioning } from './family.ts'
import { knownPositions, type PositionRule } from './known-positions.ts'
import type { StepEstimate } from './preview.ts'
import type { GeneratePlan } from './request.ts'
import { stepTensors } from './step-tensors.ts'
import { type VelocityContext, velocityOf } from './velocity.ts'

export interface DenoiseContext<V> extends VelocityContext<V> {
  readonly facts: Pick<ModelFacts, 'streams'>
  readonly plan: GeneratePlan
  readonly streams: readonly DenoiseStream<V>[]
  readonly sampler: Sampler
  /** The network of every step from the first on: an index into the facts' experts. */
  readonly experts: readonly number[]
  /** Of the schedule; those before it are left out. */
  readonly firstStep: number
  readonly noise: NoiseGenerator
}

/** One of the streams that are denoised together. */
export interface DenoiseStream<V> {
  readonly arrays: StateArrays<V>
  /** As many steps as the other streams have. */
  readonly schedule: Schedule
  /** What is done to its positions before and after the network; undefined where nothing is known of them. */
  readonly rule: PositionRule<V> | undefined
  /** Of its latents, [channels, positions, …]. */
  readonly shape: readonly number[]
}

/** A stream, with what is known of its positions where its state is. */
export function denoiseStream<V>(
  arrays: StateArrays<V>,
  schedule: Schedule,
  { shape, known }: StreamConditioning,
): DenoiseStream<V> {
  return { arrays, schedule, rule: known && knownPositions(arrays, { shape, known }, schedule), shape }
}

/** A step that was done. Its arrays can be read until the next one is asked for. */
export interface DenoisedStep<V> {
  readonly event: StepEndEvent
  readonly state: DenoiseState<V>
  /** Of the video. */
  readonly estimate: StepEstimate<V>
}

/**
 * shown latents → velocities → samplers, for every step that is left.
 * @param from the state before the first of these steps
 */
export async function* denoiseSteps<V>(
  context: DenoiseContext<V>,
  from: DenoiseState<V>,
): AsyncGenerator<DenoisedStep<V>> {
  const { facts, plan, streams, experts, firstStep, noise, signal } = context
  const [{ schedule }] = streams as readonly [DenoiseStream<V>]
  let state = from
  while (state.step < plan.steps) {
    checkAborted(signal)
    const started = performance.now()
    const { step } = state
    const times = timesAt(streams, step)
    const latents = streams.map((stream, index) => {
      const own = state.streams[index]!.latents
      return stream.rule?.shown(own, levelAt(stream, step), noise) ?? own
    })
    const sigmas = streams.map(({ schedule }) => schedule.sigmas[step]!)
    const input = { latents, sigmas, times, step, expert: experts[step - firstStep]! }
    const found = await velocityOf(context, input, state.velocity)
    const estimates = streams.map(({ rule }, index): StepEstimate<V> => {
      const [shown, guided] = [latents[index]!, found.velocity[index]!]
      const velocity = rule?.pulled(guided, shown, sigmas[index]!) ?? guided
      return { latents: shown, velocity, timesteps: times.positions[index]! }
    })
    const stepped: StreamState<V>[] = []
    for (const [index, stream] of streams.entries()) {
      stepped.push(await stepStream(context, stream, step, state.streams[index]!, estimates[index]!))
    }
    state = {
      streams: stepped,
      step: step + 1,
      velocity: found.state,
      noise: noise.position(),
      skippedSteps: state.skippedSteps + (found.skipped ? 1 : 0),
    }
    const passes = plan.tensors ? Object.values(found.passes).filter(arrays => arrays !== undefined) : []
    await keepOnly(streams, state, [latents, estimates.map(({ velocity }) => velocity), ...passes])
    yield {
      state,
      estimate: estimates[0]!,
      event: {
        type: 'step-end',
        step: step - firstStep + 1,
        of: plan.steps - firstStep,
        sigma: schedule.sigmas[step + 1]!,
        timestep: times.timesteps[0]!,
        skipped: found.skipped,
        guided: Object.keys(found.passes).length > 1,
        seconds: (performance.now() - started) / 1000,
        ...(plan.tensors && { tensors: await stepTensors(facts, streams, found, state) }),
      },
    }
  }
}

/** The sampler steps its own latents, or every position what it was shown. */
async function stepStream<V>(
  { sampler, noise }: DenoiseContext<V>,
  stream: DenoiseStream<V>,
  step: number,
  { latents, history }: StreamState<V>,
  estimate: StepEstimate<V>,
): Promise<StreamState<V>> {
  const { arrays, schedule, rule, shape } = stream
  if (rule?.step) {
    const level = levelAt(stream, step)
    return { latents: await rule.step({ ...estimate, level, sampler, schedule }), history }
  }
  const fresh = sampler.stochastic ? { noise: arrays.upload(noise.randn(elementCount(shape))) } : {}
  const { velocity } = estimate
  return sampler.step(arrays, { latents, velocity, step, schedule, history, ...fresh })
}

function levelAt({ schedule }: { readonly schedule: Schedule }, step: number): number {
  return schedule.timesteps[step]! / schedule.trainTimesteps
}

function timesAt<V>(streams: readonly DenoiseStream<V>[], step: number): StepTimes {
  const timesteps = streams.map(({ schedule }) => schedule.timesteps[step]!)
  return {
    timesteps,
    next: streams.map(({ schedule }) => schedule.timesteps[step + 1] ?? 0),
    positions: streams.map(({ rule, shape }, stream) => {
      const timestep = timesteps[stream]!
      return rule?.timesteps(timestep) ?? new Float32Array(shape[1]!).fill(timestep)
    }),
  }
}

/** Frees, stream by stream, what neither the state nor anybody else needs. @param more arrays by stream */
async function keepOnly<V>(
  streams: readonly DenoiseStream<V>[],
  state: DenoiseState<V>,
  more: readonly (readonly V[])[],
): Promise<void> {
  if (!streams.some(({ arrays }) => arrays.keepOnly)) return
  const kept = [...arraysOf(state)]
  for (const [index, { arrays, rule }] of streams.entries()) {
    const own = kept.flatMap(([array, stream]) => (stream === index ? [array] : []))
    await arrays.keepOnly?.([...own, ...(rule?.arrays ?? []), ...more.map(list => list[index]!)])
  }
}
