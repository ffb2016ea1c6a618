import {
  emptyGuidanceState,
  type Guidance,
  type GuidanceState,
  guidanceActive,
  guided,
  startsAtZero,
} from '../sampling/guidance.ts'
import {
  computedStep,
  emptyStepCache,
  reuseStep,
  type StepCache,
  type StepCacheState,
  type Velocities,
} from '../sampling/step-cache.ts'
import { checkAborted } from './abort.ts'
import type { Conditions } from './condition.ts'
import { both } from './graph-runner.ts'
import type { NetworkPass } from './network-pass.ts'
import type { RunValues } from './run-values.ts'

/** How the velocity of every step of a run is found. */
export interface VelocityRecipe {
  readonly denoise: NetworkPass
  /** Of the unconditional branch, where it runs beside the conditional one. */
  readonly denoiseUnconditional?: NetworkPass | undefined
  readonly conditions: Conditions
  /** By expert; whether there is guidance at all is decided by the first one's, as in diffusers. */
  readonly guidances: readonly Guidance[]
  /** None: the network runs in every step. */
  readonly cache: StepCache | undefined
  readonly signal: AbortSignal
}

/** What a step leaves for the next one: with arrays in the host's memory, plain data. */
export interface VelocityState<V = Float32Array> {
  readonly guidance: GuidanceState<V>
  readonly cache: StepCacheState<V>
  /** The expert that the cache is of. */
  readonly expert: number
}

export const emptyVelocityState: VelocityState<never> = Object.freeze({
  guidance: emptyGuidanceState,
  cache: emptyStepCache,
  expert: 0,
})

/** What a pass of the network depends on, beside the conditions. */
export interface StepInput<V> {
  readonly latents: V
  /** The timestep of every latent frame. */
  readonly timesteps: Float32Array
  readonly expert: number
}

export interface StepVelocity<V> extends Velocities<V> {
  /** What the sampler steps along. */
  readonly velocity: V
  /** Whether the network did not have to run. */
  readonly skipped: boolean
  readonly state: VelocityState<V>
}

/** network, or what it gave before → guidance; the conditional branch runs first, or both at once. */
export async function velocityOf<V>(
  values: RunValues<V>,
  recipe: VelocityRecipe,
  input: StepInput<V>,
  { step, steps }: { readonly step: number; readonly steps: number },
  before: VelocityState<V>,
): Promise<StepVelocity<V>> {
  const { conditions, guidances, cache } = recipe
  const { latents, expert } = input
  const guidance = guidances[expert]!
  if (startsAtZero(guidance, step)) return standstill(values, latents, before)
  const guides = conditions.unconditional !== undefined && guidanceActive(guidances[0]!, step, steps)
  const cached = expert === before.expert ? before.cache : emptyStepCache
  const reuse = cache && (await reuseStep(values, cache, cached, { latents, step, guided: guides }))
  const velocities = reuse?.velocities ?? (await networkVelocities(values, recipe, input, guides))
  const skipped = velocities === reuse?.velocities
  const { conditional, unconditional } = velocities
  const { velocity, state } =
    unconditional === undefined
      ? { velocity: conditional, state: before.guidance }
      : await guided(values, guidance, conditional, unconditional, before.guidance)
  const known =
    reuse && !skipped ? await computedStep(values, reuse.state, latents, velocities) : reuse?.state
  return { ...velocities, velocity, skipped, state: { guidance: state, cache: known ?? cached, expert } }
}

async function networkVelocities<V>(
  values: RunValues<V>,
  { denoise, denoiseUnconditional, conditions, signal }: VelocityRecipe,
  { latents, timesteps, expert }: StepInput<V>,
  guides: boolean,
): Promise<Velocities<V>> {
  const { conditional: prompt, unconditional: negative, visual } = conditions
  const input = { latents: await values.feed(latents), timesteps, expert, visual }
  if (!guides || !negative) {
    return { conditional: values.taken(await denoise({ ...input, text: prompt })) }
  }
  if (denoiseUnconditional) {
    const [conditional, other] = await both(
      denoise({ ...input, text: prompt }),
      denoiseUnconditional({ ...input, text: negative }),
    )
    return { conditional: values.taken(conditional), unconditional: values.taken(other) }
  }
  const conditional = values.taken(await denoise({ ...input, text: prompt }))
  checkAborted(signal)
  return { conditional, unconditional: values.taken(await denoise({ ...input, text: negative })) }
}

function standstill<V>(values: RunValues<V>, latents: V, state: VelocityState<V>): StepVelocity<V> {
  const velocity = values.combination([[0, latents]])
  return { velocity, conditional: velocity, skipped: true, state }
}
