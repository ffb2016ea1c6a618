import { checkAborted } from '../errors.ts'
import {
  type ByPass,
  createGuidance,
  type Guidance,
  type GuidanceState,
  guidancePasses,
  guided,
  startsAtZero,
} from '../sampling/guidance.ts'
import { computedStep, emptyStepCache, reuseStep, type StepCache } from '../sampling/step-cache.ts'
import { jointArithmetic } from '../tensor/arithmetic.ts'
import { isResident } from '../tensor/resident.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import type { VelocityState } from './denoise-state.ts'
import type {
  Conditions,
  Denoiser,
  Feed,
  GeneratePlan,
  GuidancePass,
  KnownPositions,
  Model,
  RunGraph,
  StepTimes,
  StreamConditioning,
} from './family.ts'

/** How the velocity of every step of a run is found. */
export interface VelocityContext<V> {
  readonly streams: readonly { readonly arrays: StateArrays<V> }[]
  /** Where passes run: with a second place, every other one runs beside the one before. */
  readonly places: readonly NetworkPass[]
  /** By expert and stream; which passes a step needs is decided by the first expert's, as in diffusers. */
  readonly guidances: readonly (readonly Guidance[])[]
  /** None: the network runs in every step. */
  readonly cache: StepCache | undefined
  readonly plan: Pick<GeneratePlan, 'steps'>
  readonly signal: AbortSignal
}

/** What a pass of the network depends on, beside the conditions. */
export interface PassInput<Latents = Feed> {
  /** By stream: f32, for the network in its shapes. */
  readonly latents: readonly Latents[]
  readonly times: StepTimes
  /** Index into the facts' experts. */
  readonly expert: number
}

export interface StepInput<V> extends PassInput<V> {
  readonly step: number
  /** Noise levels of the step, by stream. */
  readonly sigmas: readonly number[]
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
  context: VelocityContext<V>,
  input: StepInput<V>,
  before: VelocityState<V>,
): Promise<StepVelocity<V>> {
  const { streams, guidances, cache, plan } = context
  const { latents, sigmas, step, expert } = input
  const joint = () => jointArithmetic(streams.map(({ arrays }) => arrays))
  if (startsAtZero(guidances[expert]![0]!, step)) {
    const velocity = joint().combination([[0, latents]])
    return { velocity, passes: { conditional: velocity }, skipped: true, state: before }
  }
  const names = guidancePasses(guidances[0]!, step, plan.steps)
  const cached = expert === before.expert ? before.cache : emptyStepCache
  const reuse = cache && (await reuseStep(joint(), cache, cached, { latents, step, passes: names }))
  const passes = reuse?.velocities ?? (await runPasses(context, input, names))
  const skipped = passes === reuse?.velocities
  const velocity: V[] = []
  const guidance: GuidanceState<V>[] = []
  for (const [stream, { arrays }] of streams.entries()) {
    const own = Object.fromEntries(Object.entries(passes).map(([name, all]) => [name, all![stream]!]))
    const at = { latents: latents[stream]!, sigma: sigmas[stream]! }
    const how = guidances[expert]![stream]!
    const found = await guided(arrays, how, own as unknown as ByPass<V>, at, before.guidance[stream])
    velocity.push(found.velocity)
    guidance.push(found.state)
  }
  const known = reuse && !skipped ? await computedStep(joint(), reuse.state, latents, passes) : reuse?.state
  return { velocity, passes, skipped, state: { guidance, cache: known ?? cached, expert } }
}

/** The passes in order, two at a time where there are two places to run them. */
async function runPasses<V>(
  { streams, places, signal }: VelocityContext<V>,
  { latents, times, expert }: StepInput<V>,
  names: readonly string[],
): Promise<ByPass<readonly V[]>> {
  const feeds = await Promise.all(streams.map(({ arrays }, stream) => arrays.feed(latents[stream]!)))
  const passes: Record<string, readonly V[]> = {}
  for (let next = 0; next < names.length; next += places.length) {
    if (next > 0) checkAborted(signal)
    const group = names.slice(next, next + places.length)
    const results = await together(
      group.map((name, place) => places[place]!({ latents: feeds, times, expert }, name)),
    )
    for (const [index, name] of group.entries()) {
      passes[name] = streams.map(({ arrays }, stream) => arrays.adopt(results[index]![stream]!))
    }
  }
  return passes as unknown as ByPass<readonly V[]>
}

/** Waits for all, also when one fails: nothing may run on after the caller went on. */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}

/**
 * One pass of the network: the velocity of every stream, in the shape of its latents. It stays resident where they are.
 * @param pass one of the denoiser's, or `unconditional` @default 'conditional'
 */
export type NetworkPass = (input: PassInput, pass?: string) => Promise<readonly Feed[]>

export function networkPass(
  { facts }: Pick<Model, 'facts'>,
  denoiser: Denoiser,
  { conditional, unconditional, visual }: Conditions,
  run: RunGraph,
): NetworkPass {
  const { streams, passes = {} } = denoiser
  const all: Readonly<Record<string, GuidancePass>> = { conditional: {}, unconditional: {}, ...passes }
  return async ({ latents, times, expert }, pass = 'conditional') => {
    const own = all[pass]
    if (!own) throw new TypeError(`denoiser: expected the pass ${pass}, got none.`)
    const graph = own.graphs?.[expert] ?? facts.experts[expert]!.graph
    const text = pass === 'unconditional' ? unconditional! : conditional
    const conditions = { ...text.feeds[expert], ...visual.feeds[expert] }
    const inputs = Object.fromEntries(streams.map(({ input }, stream) => [input, latents[stream]!]))
    const { tensors, residents } = await run(
      graph,
      { ...conditions, ...denoiser.feeds(times), ...own.feeds, ...inputs },
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
  const { guidanceBelowOne: belowOne = 'off' } = facts
  return facts.experts.map((_, expert) => {
    const scale = plan.guidance[expert] ?? plan.guidance.at(-1)!
    const asked = createGuidance({ scale, interval, rescale, method, belowOne })
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
export function positionCount({ shape, known }: Pick<StreamConditioning, 'shape' | 'known'>): number {
  const { shown, share, limit, pull }: Partial<KnownPositions> = known ?? {}
  return (shown ?? share ?? limit ?? pull)?.length ?? shape[1]!
}
