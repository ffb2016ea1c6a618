import { RequestError } from '../errors.ts'

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

/** The velocities of one step, by branch of guidance. */
export interface Velocities {
  readonly conditional: Float32Array
  /** Only in guided steps. */
  readonly unconditional?: Float32Array
}

/**
 * What a step leaves for the next one. Plain data without functions: it can be cloned, stored and sent, and a run
 * resumed from it. Its arrays are shared with the steps before; do not write to them.
 */
export interface StepCacheState {
  /** Estimated relative change of the output since the last computed step. */
  readonly change: number
  /** ‖change of the output‖ / ‖change of the input‖ between the last two computed steps. */
  readonly rate?: number
  /** Latents of the step before, computed or not. */
  readonly before?: Float32Array
  /** The last computed step. */
  readonly computed?: { readonly latents: Float32Array; readonly velocities: Velocities }
}

/** The state before the first step of a run, or of another network. */
export const emptyStepCache: StepCacheState = Object.freeze({ change: 0 })

/**
 * A cache over the steps firstStep … steps − 1. The first fifth of them, and two at least, are always computed
 * (its authors: 10 of 50), and so is the last.
 * @throws RequestError `request/invalid` when the threshold is negative or not finite
 */
export function createStepCache(options: { threshold: number; firstStep: number; steps: number }): StepCache {
  const { threshold, firstStep, steps } = options
  if (!(Number.isFinite(threshold) && threshold >= 0)) {
    throw new RequestError('request/invalid', {
      subject: 'step cache',
      expected: 'a threshold from 0',
      got: String(threshold),
    })
  }
  const warmUp = Math.max(2, Math.ceil((steps - firstStep) / 5))
  return Object.freeze({ threshold, from: firstStep + warmUp, until: steps - 1 })
}

/**
 * Decides for one step, from its latents alone, whether the network has to run; both branches follow the conditional
 * one, as its authors have it.
 * @param at latents: what the network would see; guided: whether the unconditional branch is needed, too
 * @returns the velocities where they can be reused (latents + last update, by branch), and the state: for the next
 *   step then, for `computedStep` otherwise
 */
export function reuseStep(
  cache: StepCache,
  state: StepCacheState,
  at: { readonly latents: Float32Array; readonly step: number; readonly guided: boolean },
): { velocities?: Velocities; state: StepCacheState } {
  const { latents, step, guided } = at
  const change = state.change + estimatedChange(state, latents)
  const { computed } = state
  const known = computed && (!guided || computed.velocities.unconditional)
  const allowed = step >= cache.from && step < cache.until
  // Without a rate the change is not a number, and the comparison false.
  if (!(known && allowed && change < cache.threshold))
    return { state: { ...state, before: latents, change: 0 } }
  const { conditional, unconditional } = computed.velocities
  const reused = (velocity: Float32Array) => withLastUpdate(latents, velocity, computed.latents)
  return {
    velocities: {
      conditional: reused(conditional),
      ...(guided && unconditional && { unconditional: reused(unconditional) }),
    },
    state: { ...state, before: latents, change },
  }
}

/** The state for the next step, after the network has run on these latents. */
export function computedStep(
  state: StepCacheState,
  latents: Float32Array,
  velocities: Velocities,
): StepCacheState {
  const rate = state.computed && {
    rate:
      distance(velocities.conditional, state.computed.velocities.conditional) /
      distance(latents, state.computed.latents),
  }
  return { ...state, ...rate, computed: { latents, velocities } }
}

/** Equation 4 of the paper; not a number before two steps are computed. */
function estimatedChange({ rate, before, computed }: StepCacheState, latents: Float32Array): number {
  if (rate === undefined || before === undefined || computed === undefined) return Number.NaN
  return (rate * distance(latents, before)) / size(computed.velocities.conditional)
}

function withLastUpdate(latents: Float32Array, velocity: Float32Array, seen: Float32Array): Float32Array {
  const result = new Float32Array(latents.length)
  for (let i = 0; i < result.length; i++) result[i] = latents[i]! + Math.fround(velocity[i]! - seen[i]!)
  return result
}

/** Σ |a − b|: ratios of these are ratios of means. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!)
  return sum
}

function size(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!)
  return sum
}
