import { invalidRequest } from '../errors.ts'
import type { Arithmetic } from '../tensor/arithmetic.ts'
import type { ByPass } from './guidance.ts'

/**
 * When a step may reuse what the network gave before, instead of running it: EasyCache (Zhou et al. 2025,
 * https://arxiv.org/abs/2507.02860). Between steps the network's output moves with its input at a rate that hardly
 * changes, so that the input alone tells how far the output has moved since it was last computed.
 */
export interface StepCache {
  /** Estimated relative change of the output, added up over steps, up to which it is reused. 0: never. */
  readonly threshold: number
  /** The steps that may be skipped: from `from` up to, not including, `until`. */
  readonly from: number
  readonly until: number
}

/**
 * What a step leaves for the next one. Plain data without functions: it can be cloned, stored and sent, and a run
 * resumed from it. Its arrays are shared with the steps before; do not write to them.
 */
export interface StepCacheState<V = Float32Array> {
  /** Estimated relative change of the output since the last computed step. */
  readonly change: number
  /** ‖change of the output‖ / ‖change of the input‖ between the last two computed steps. */
  readonly rate?: number
  /** Latents of the step before, computed or not. */
  readonly before?: V
  /** The last computed step. */
  readonly computed?: { readonly latents: V; readonly velocities: ByPass<V> }
}

/** The state before the first step of a run, or of another network. */
export const emptyStepCache: StepCacheState<never> = Object.freeze({ change: 0 })

/**
 * A cache over the steps firstStep … steps − 1. The first fifth of them, and two at least, are always computed
 * (its authors: 10 of 50), and so is the last.
 * @throws RequestError `request/invalid` when the threshold is negative or not finite
 */
export function createStepCache(options: { threshold: number; firstStep: number; steps: number }): StepCache {
  const { threshold, firstStep, steps } = options
  if (!(Number.isFinite(threshold) && threshold >= 0)) {
    throw invalidRequest('step cache', 'a threshold from 0', threshold)
  }
  const warmUp = Math.max(2, Math.ceil((steps - firstStep) / 5))
  return Object.freeze({ threshold, from: firstStep + warmUp, until: steps - 1 })
}

/**
 * Decides for one step, from its latents alone, whether the network has to run; all passes follow the conditional one,
 * as its authors have it.
 * @param at latents: what the network would see; passes: the names of those that the step needs
 * @returns the velocities where they can be reused (latents + last update, by pass), and the state: for the next step
 *   then, for `computedStep` otherwise
 */
export async function reuseStep<V>(
  on: Arithmetic<V>,
  cache: StepCache,
  state: StepCacheState<V>,
  at: { readonly latents: V; readonly step: number; readonly passes: readonly string[] },
): Promise<{ velocities?: ByPass<V>; state: StepCacheState<V> }> {
  const { latents, step, passes } = at
  const change = state.change + (await estimatedChange(on, state, latents))
  const { computed } = state
  const known = computed && passes.every(pass => computed.velocities[pass] !== undefined)
  const allowed = step >= cache.from && step < cache.until
  // Without a rate the change is not a number, and the comparison false.
  if (!(known && allowed && change < cache.threshold))
    return { state: { ...state, before: latents, change: 0 } }
  const reused = passes.map(pass => {
    return [pass, withLastUpdate(on, latents, computed.velocities[pass]!, computed.latents)] as const
  })
  return {
    velocities: Object.fromEntries(reused) as unknown as ByPass<V>,
    state: { ...state, before: latents, change },
  }
}

/** The state for the next step, after the network has run on these latents. */
export async function computedStep<V>(
  on: Arithmetic<V>,
  state: StepCacheState<V>,
  latents: V,
  velocities: ByPass<V>,
): Promise<StepCacheState<V>> {
  const { computed: last } = state
  const rate = last && {
    rate:
      (await on.distance(velocities.conditional, last.velocities.conditional)) /
      (await on.distance(latents, last.latents)),
  }
  return { ...state, ...rate, computed: { latents, velocities } }
}

/** Equation 4 of the paper; not a number before two steps are computed. */
async function estimatedChange<V>(
  on: Arithmetic<V>,
  { rate, before, computed }: StepCacheState<V>,
  latents: V,
): Promise<number> {
  if (rate === undefined || before === undefined || computed === undefined) return Number.NaN
  const moved = await on.distance(latents, before)
  return (rate * moved) / (await on.distance(computed.velocities.conditional))
}

/** The update is rounded before it is added, as the authors have it. */
function withLastUpdate<V>(on: Arithmetic<V>, latents: V, velocity: V, seen: V): V {
  const update = on.combination([
    [1, velocity],
    [-1, seen],
  ])
  return on.combination([
    [1, latents],
    [1, update],
  ])
}
