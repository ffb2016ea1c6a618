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
import type { Denoiser, DenoiserInput } from './family.ts'
import { both } from './graph-runner.ts'

/** How the velocity of every step of a run is found. */
export interface VelocityRecipe {
  readonly denoise: Denoiser
  /** Of the unconditional branch, where it runs beside the conditional one. */
  readonly denoiseUnconditional?: Denoiser | undefined
  readonly conditions: Conditions
  /** By expert; whether there is guidance at all is decided by the first one's, as in diffusers. */
  readonly guidances: readonly Guidance[]
  /** None: the network runs in every step. */
  readonly cache: StepCache | undefined
  readonly signal: AbortSignal
}

/** What a step leaves for the next one: plain data. */
export interface VelocityState {
  readonly guidance: GuidanceState
  readonly cache: StepCacheState
  /** The expert that the cache is of. */
  readonly expert: number
}

export const emptyVelocityState: VelocityState = Object.freeze({
  guidance: emptyGuidanceState,
  cache: emptyStepCache,
  expert: 0,
})

export interface StepVelocity extends Velocities {
  /** What the sampler steps along. */
  readonly velocity: Float32Array
  /** Whether the network did not have to run. */
  readonly skipped: boolean
  readonly state: VelocityState
}

/** network, or what it gave before → guidance; the conditional branch runs first, or both at once. */
export async function velocityOf(
  { denoise, denoiseUnconditional, conditions, guidances, cache, signal }: VelocityRecipe,
  input: Omit<DenoiserInput, 'text' | 'visual'>,
  { step, steps }: { readonly step: number; readonly steps: number },
  before: VelocityState,
): Promise<StepVelocity> {
  const { latents, expert } = input
  const guidance = guidances[expert]!
  if (startsAtZero(guidance, step)) return standstill(latents.length, before)
  const { conditional: prompt, unconditional, visual } = conditions
  const negative = guidanceActive(guidances[0]!, step, steps) ? unconditional : undefined
  const cached = expert === before.expert ? before.cache : emptyStepCache
  const reuse = cache && reuseStep(cache, cached, { latents, step, guided: negative !== undefined })
  const run = async (): Promise<Velocities> => {
    if (negative && denoiseUnconditional) {
      const together = { ...input, visual, latents: inSharedMemory(latents) }
      const [conditional, other] = await both(
        denoise({ ...together, text: prompt }),
        denoiseUnconditional({ ...together, text: negative }),
      )
      return { conditional, unconditional: other }
    }
    const conditional = await denoise({ ...input, visual, text: prompt })
    checkAborted(signal)
    if (!negative) return { conditional }
    return { conditional, unconditional: await denoise({ ...input, visual, text: negative }) }
  }
  const velocities = reuse?.velocities ?? (await run())
  const skipped = velocities === reuse?.velocities
  const { velocity, state } = velocities.unconditional
    ? guided(guidance, velocities.conditional, velocities.unconditional, before.guidance)
    : { velocity: velocities.conditional, state: before.guidance }
  return {
    ...velocities,
    velocity,
    skipped,
    state: {
      guidance: state,
      cache: !reuse ? cached : skipped ? reuse.state : computedStep(reuse.state, latents, velocities),
      expert,
    },
  }
}

/** A copy that several threads read where it is. */
function inSharedMemory(values: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
  shared.set(values)
  return shared
}

function standstill(length: number, state: VelocityState): StepVelocity {
  const velocity = new Float32Array(length)
  return { velocity, conditional: velocity, skipped: true, state }
}
