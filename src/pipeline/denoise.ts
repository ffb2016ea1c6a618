import { checkAborted, RequestError } from '../errors.ts'
import type { Sampler } from '../sampling/samplers/sampler.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import { createStepCache } from '../sampling/step-cache.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import type { Conditions } from './conditioning.ts'
import { arraysOf, type DenoiseState, type StreamState } from './denoise-state.ts'
import type { StepEndEvent } from './events.ts'
import type { Model, ModelFacts, StepTimes } from './family.ts'
import { knownPositions, type PositionRule } from './known-positions.ts'
import type { StepEstimate } from './preview.ts'
import type { GeneratePlan } from './request.ts'
import { stepTensors } from './step-tensors.ts'
import { guidancesOf, type NetworkPass, type StepVelocity, velocityOf } from './velocity.ts'

export interface DenoiseContext<V> {
  readonly model: Pick<Model, 'facts' | 'guide'>
  readonly plan: GeneratePlan
  readonly conditions: Conditions
  readonly streams: readonly DenoiseStream<V>[]
  readonly sampler: Sampler
  readonly denoise: NetworkPass
  readonly denoiseBeside?: NetworkPass | undefined
  readonly noise: NoiseGenerator
  readonly signal: AbortSignal
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

/** A step that was done. Its arrays can be read until the next one is asked for. */
export interface DenoisedStep<V> {
  readonly event: StepEndEvent
  readonly state: DenoiseState<V>
  /** Of the video. */
  readonly estimate: StepEstimate<V>
}

/** The streams of a run, with what is known of their positions where their state is. */
export function denoiseStreams<V>(
  { visual }: Conditions,
  arrays: readonly StateArrays<V>[],
  schedules: readonly Schedule[],
): DenoiseStream<V>[] {
  return visual.streams.map((conditioning, index) => {
    const [own, schedule] = [arrays[index]!, schedules[index]!]
    const { known } = conditioning
    const rule = known && knownPositions(own, { ...conditioning, known }, schedule)
    return { arrays: own, schedule, rule, shape: conditioning.shape }
  })
}

/**
 * shown latents → velocities → samplers, for every step that is left.
 * @param firstStep of the run, from the start of the schedule
 * @param from the state before the first of these steps
 */
export async function* denoiseSteps<V>(
  context: DenoiseContext<V>,
  firstStep: number,
  from: DenoiseState<V>,
): AsyncGenerator<DenoisedStep<V>> {
  const { model, plan, conditions, streams, denoise, denoiseBeside, noise, signal } = context
  const { steps, stepCache: threshold } = plan
  const cache = threshold > 0 ? createStepCache({ threshold, firstStep, steps }) : undefined
  const recipe = { denoise, denoiseBeside, conditions, guidances: guidancesOf(model, plan), cache, signal }
  const arrays = streams.map(stream => stream.arrays)
  let state = from
  while (state.step < steps) {
    checkAborted(signal)
    const started = performance.now()
    const { step } = state
    const times = timesAt(streams, step)
    const timestep = times.timesteps[0]!
    const shown = streams.map((stream, index) => {
      const { latents } = state.streams[index]!
      return stream.rule?.shown(latents, levelAt(stream, step), noise) ?? latents
    })
    const sigmas = streams.map(({ schedule }) => schedule.sigmas[step]!)
    const input = {
      latents: shown,
      sigmas,
      times,
      expert: expertAt(model.facts, plan, streams[0]!.schedule, timestep),
    }
    const found = await velocityOf(arrays, recipe, input, { step, steps }, state.velocity)
    const velocity = streams.map(({ rule }, stream) => {
      const guided = found.velocity[stream]!
      return rule?.pulled(guided, shown[stream]!, sigmas[stream]!) ?? guided
    })
    const stepped: StreamState<V>[] = []
    for (const index of streams.keys()) {
      const at = { shown: shown[index]!, velocity: velocity[index]!, timesteps: times.positions[index]! }
      stepped.push(await stepStream(context, index, state, at))
    }
    state = {
      streams: stepped,
      step: step + 1,
      velocity: found.state,
      noise: noise.position(),
      skippedSteps: state.skippedSteps + (found.skipped ? 1 : 0),
    }
    await keepOnly(streams, state, [shown, velocity, ...(plan.tensors ? passesOf(found) : [])])
    yield {
      state,
      estimate: { latents: shown[0]!, velocity: velocity[0]!, timesteps: times.positions[0]! },
      event: {
        type: 'step-end',
        step: step - firstStep + 1,
        of: steps - firstStep,
        sigma: streams[0]!.schedule.sigmas[step + 1]!,
        timestep,
        skipped: found.skipped,
        guided: Object.keys(found.passes).length > 1,
        seconds: (performance.now() - started) / 1000,
        ...(plan.tensors && { tensors: await stepTensors(model.facts, streams, found, state) }),
      },
    }
  }
}

interface SteppedFrom<V> {
  readonly shown: V
  readonly velocity: V
  /** Of every position. */
  readonly timesteps: Float32Array
}

/** The sampler steps its own latents, or every position what it was shown. */
async function stepStream<V>(
  { streams, sampler, noise }: DenoiseContext<V>,
  index: number,
  { step, streams: before }: DenoiseState<V>,
  { shown, velocity, timesteps }: SteppedFrom<V>,
): Promise<StreamState<V>> {
  const { arrays, schedule, rule, shape } = streams[index]!
  const { latents, history } = before[index]!
  if (rule?.step) {
    const level = levelAt(streams[index]!, step)
    const apart = { latents: shown, velocity, timesteps, level, sampler, schedule }
    return { latents: await rule.step(apart), history }
  }
  const count = shape.reduce((product, dim) => product * dim, 1)
  const fresh = sampler.stochastic ? { noise: arrays.upload(noise.randn(count)) } : {}
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
  const kept = arraysOf(state)
  for (const [index, { arrays, rule }] of streams.entries()) {
    const own = kept.flatMap(({ array, stream }) => (stream === index ? [array] : []))
    await arrays.keepOnly([...own, ...(rule?.arrays ?? []), ...more.map(list => list[index]!)])
  }
}

function passesOf<V>({ passes }: StepVelocity<V>): (readonly V[])[] {
  return Object.values(passes).filter(arrays => arrays !== undefined)
}

/**
 * The expert of a timestep: the first whose range it is in, or as the boundary that a request has says.
 * @throws RequestError for a step that none runs, of a checkpoint that has one of two experts
 */
export function expertAt(
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
