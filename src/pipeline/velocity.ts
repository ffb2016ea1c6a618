import { checkAborted } from '../errors.ts'
import {
  type ByPass,
  createGuidance,
  emptyGuidanceState,
  type Guidance,
  type GuidanceState,
  guidancePasses,
  guided,
  startsAtZero,
} from '../sampling/guidance.ts'
import { computedStep, emptyStepCache, reuseStep, type StepCache } from '../sampling/step-cache.ts'
import { type Arithmetic, jointArithmetic } from '../tensor/arithmetic.ts'
import { isResident } from '../tensor/resident.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import type { VelocityState } from './denoise-state.ts'
import type {
  Conditions,
  Denoiser,
  Feed,
  GeneratePlan,
  Model,
  RunGraph,
  StepTimes,
  StreamConditioning,
  TextConditioning,
  VisualConditioning,
} from './family.ts'

/** How the velocity of every step of a run is found. */
export interface VelocityRecipe {
  readonly denoise: NetworkPass
  /** A second place to run passes at, where every other one runs beside the one before. */
  readonly denoiseBeside?: NetworkPass | undefined
  readonly conditions: Conditions
  /** By expert and stream; which passes a step needs is decided by the first expert's, as in diffusers. */
  readonly guidances: readonly (readonly Guidance[])[]
  /** None: the network runs in every step. */
  readonly cache: StepCache | undefined
  readonly signal: AbortSignal
}

/** What a pass of the network depends on, beside the conditions. */
export interface StepInput<V> {
  /** By stream. */
  readonly latents: readonly V[]
  /** Noise levels of the step, by stream. */
  readonly sigmas: readonly number[]
  readonly times: StepTimes
  readonly expert: number
}

export interface StepVelocity<V> {
  /** What the samplers step along, by stream. */
  readonly velocity: readonly V[]
  /** What the network gave, or what stood in for it, by stream. */
  readonly passes: ByPass<readonly V[]>
  /** Whether the network did not have to run. */
  readonly skipped: boolean
  readonly state: VelocityState<V>
}

/** network, or what it gave before → guidance of every stream. */
export async function velocityOf<V>(
  streams: readonly StateArrays<V>[],
  recipe: VelocityRecipe,
  input: StepInput<V>,
  { step, steps }: { readonly step: number; readonly steps: number },
  before: VelocityState<V>,
): Promise<StepVelocity<V>> {
  const { guidances, cache } = recipe
  const { latents, expert } = input
  if (startsAtZero(guidances[expert]![0]!, step)) return zeroVelocity(streams, latents, before)
  const names = guidancePasses(guidances[0]!, step, steps)
  const joint = jointArithmetic(streams)
  const cached = expert === before.expert ? before.cache : emptyStepCache
  const reuse = cache && (await reuseStep(joint, cache, cached, { latents, step, passes: names }))
  const passes = reuse?.velocities ?? (await runPasses(streams, recipe, input, names))
  const skipped = passes === reuse?.velocities
  const found = await guideStreams(streams, guidances[expert]!, passes, input, before.guidance)
  const known = reuse && !skipped ? await computedStep(joint, reuse.state, latents, passes) : reuse?.state
  return { ...found, passes, skipped, state: { guidance: found.state, cache: known ?? cached, expert } }
}

async function guideStreams<V>(
  streams: readonly Arithmetic<V>[],
  guidances: readonly Guidance[],
  passes: ByPass<readonly V[]>,
  { latents, sigmas }: StepInput<V>,
  before: readonly GuidanceState<V>[],
): Promise<{ velocity: V[]; state: GuidanceState<V>[] }> {
  const velocity: V[] = []
  const state: GuidanceState<V>[] = []
  for (const [stream, on] of streams.entries()) {
    const own = Object.entries(passes).map(([name, velocities]) => [name, velocities![stream]!])
    const at = { latents: latents[stream]!, sigma: sigmas[stream]! }
    const found = await guided(
      on,
      guidances[stream]!,
      Object.fromEntries(own) as ByPass<V>,
      at,
      before[stream],
    )
    velocity.push(found.velocity)
    state.push(found.state ?? emptyGuidanceState)
  }
  return { velocity, state }
}

/** The passes in order, two at a time where there are two places to run them. */
async function runPasses<V>(
  streams: readonly StateArrays<V>[],
  { denoise, denoiseBeside, conditions, signal }: VelocityRecipe,
  { latents, times, expert }: StepInput<V>,
  names: readonly string[],
): Promise<ByPass<readonly V[]>> {
  const feeds = await Promise.all(streams.map((arrays, stream) => arrays.feed(latents[stream]!)))
  const input = (name: string): PassInput => {
    const { conditional, unconditional, visual } = conditions
    const text = name === 'unconditional' ? unconditional! : conditional
    const plain = name === 'conditional' || name === 'unconditional'
    return { latents: feeds, times, expert, text, visual, ...(!plain && { pass: name }) }
  }
  const adopt = (velocities: readonly Feed[]) =>
    streams.map((arrays, stream) => arrays.adopt(velocities[stream]!))
  const places = denoiseBeside ? [denoise, denoiseBeside] : [denoise]
  const passes: Record<string, readonly V[]> = {}
  for (let next = 0; next < names.length; next += places.length) {
    if (next > 0) checkAborted(signal)
    const group = names.slice(next, next + places.length)
    const results = await together(group.map((name, place) => places[place]!(input(name))))
    for (const [index, name] of group.entries()) passes[name] = adopt(results[index]!)
  }
  return passes as unknown as ByPass<readonly V[]>
}

/** Waits for all, also when one fails: nothing may run on after the caller went on. */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}

function zeroVelocity<V>(
  streams: readonly Arithmetic<V>[],
  latents: readonly V[],
  state: VelocityState<V>,
): StepVelocity<V> {
  const velocity = streams.map((on, stream) => on.combination([[0, latents[stream]!]]))
  return { velocity, passes: { conditional: velocity }, skipped: true, state }
}

export interface PassInput {
  /** f32 by stream, in the network's shapes. */
  readonly latents: readonly Feed[]
  readonly times: StepTimes
  /** Index into the facts' experts. */
  readonly expert: number
  readonly text: TextConditioning
  readonly visual: Pick<VisualConditioning, 'feeds'>
  /** One of the denoiser's passes. @default the plain one, for conditional and unconditional velocities */
  readonly pass?: string
}

/** One pass of the network: the velocity of every stream, in the shape of its latents. It stays resident where they are. */
export type NetworkPass = (input: PassInput) => Promise<readonly Feed[]>

export function networkPass({ facts }: Pick<Model, 'facts'>, denoiser: Denoiser, run: RunGraph): NetworkPass {
  const { streams, passes = {} } = denoiser
  return async ({ latents, times, expert, text, visual, pass }) => {
    const own = pass === undefined ? undefined : passes[pass]
    if (pass !== undefined && !own) throw new TypeError(`denoiser: expected the pass ${pass}, got none.`)
    const graph = own?.graphs?.[expert] ?? facts.experts[expert]!.graph
    const conditions = { ...text.feeds[expert], ...visual.feeds[expert] }
    const inputs = Object.fromEntries(streams.map(({ input }, stream) => [input, latents[stream]!]))
    const feeds = { ...conditions, ...denoiser.feeds(times), ...own?.feeds, ...inputs }
    const { tensors, residents } = await run(
      graph,
      feeds,
      latents.some(isResident) ? { keep: () => true } : {},
    )
    return streams.map(({ output }) => {
      const velocity = residents[output] ?? tensors[output]
      if (!velocity) throw new TypeError(`${graph}: expected the output ${output}, got none.`)
      return velocity
    })
  }
}

/** The guidance of a run, by expert and stream. */
export function guidancesOf(
  { facts, guide }: Pick<Model, 'facts' | 'guide'>,
  plan: GeneratePlan,
): Guidance[][] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return facts.experts.map((_, expert) => {
    const scale = plan.guidance[expert] ?? plan.guidance.at(-1)!
    const asked = createGuidance({
      scale,
      interval,
      rescale,
      method,
      belowOne: facts.guidanceBelowOne ?? 'off',
    })
    return facts.streams.map((_, stream) => guide?.(asked, { stream, expert, plan }) ?? asked)
  })
}

/** The times of a step that is run for its cost alone. */
export function timesAtRest(streams: readonly StreamConditioning[], timestep = 0): StepTimes {
  return {
    timesteps: streams.map(() => timestep),
    next: streams.map(() => 0),
    positions: streams.map(stream => new Float32Array(positionCount(stream)).fill(timestep)),
  }
}

/** How many positions a stream has: as many as its lists, or as axis 1. */
export function positionCount({
  shape,
  known = { latents: none },
}: Pick<StreamConditioning, 'shape' | 'known'>): number {
  const { shown, share, limit, pull } = known
  return (shown ?? share ?? limit ?? pull)?.length ?? shape[1]!
}

const none = new Float32Array()
