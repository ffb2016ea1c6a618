import type { Arithmetic, Term } from '../arithmetic.ts'
import { checkStep, denoisedBy, type Sampler, type SamplerStep } from './sampler.ts'
import {
  type BhKind,
  correctorWeights,
  predictorWeights,
  type Transition,
  transition,
} from './unipc-weights.ts'

export interface UniPCOptions {
  readonly order: number
  readonly kind: BhKind
  /** The last steps go no higher than as many orders as there are steps left. */
  readonly lowerOrderFinal: boolean
  /** Steps whose result is not corrected once the next velocity is known. */
  readonly disabledCorrectors: readonly number[]
}

export const defaultUniPCOptions: UniPCOptions = {
  order: 2,
  kind: 'bh2',
  lowerOrderFinal: true,
  disabledCorrectors: [],
}

/**
 * UniPC, orders 1 to 3, on denoised estimates (Zhao et al., https://arxiv.org/abs/2302.04867; diffusers'
 * UniPCMultistepScheduler). A step first corrects the latents it is given, now that the velocity there is known,
 * and then predicts the next ones. The step to sigma 0 is of first order in any case: the formulas of higher orders
 * and of bh1 have no limit there, and the reference returns NaN.
 */
export function createUniPC(options: UniPCOptions = defaultUniPCOptions): Sampler {
  const sampler: Sampler = {
    name: 'unipc',
    order: options.order,
    stochastic: false,
    step(on, state) {
      checkStep(sampler, state)
      const { latents, velocity, step, schedule, history } = state
      const denoised = denoisedBy(on, latents, velocity, schedule.sigmas[step]!)
      const origin = options.disabledCorrectors.includes(step - 1)
        ? latents
        : corrected(on, state, denoised, options.kind)
      const estimates = [denoised, ...history.denoised].slice(0, options.order)
      const order = predictorOrder(options, state)
      const towards = transition({ sigmas: schedule.sigmas, from: step, order, kind: options.kind })
      return {
        latents: weighted(on, towards, origin, estimates, predictorWeights(towards)),
        history: { denoised: estimates, origin, order },
      }
    },
  }
  return Object.freeze(sampler)
}

function predictorOrder<V>(options: UniPCOptions, { step, schedule, history }: SamplerStep<V>): number {
  if (schedule.sigmas[step + 1] === 0) return 1
  const remaining = schedule.timesteps.length - step
  const limit = options.lowerOrderFinal ? Math.min(options.order, remaining) : options.order
  return Math.min(limit, history.denoised.length + 1)
}

/** The given latents, predicted again from where the last step started, with the estimate made at them. */
function corrected<V>(
  on: Arithmetic<V>,
  { latents, step, schedule, history }: SamplerStep<V>,
  denoised: V,
  kind: BhKind,
): V {
  const { origin, order } = history
  if (origin === undefined || order === undefined) return latents
  const towards = transition({ sigmas: schedule.sigmas, from: step - 1, order, kind })
  const estimates = [...history.denoised.slice(0, order), denoised]
  return weighted(on, towards, origin, estimates, correctorWeights(towards))
}

function weighted<V>(
  on: Arithmetic<V>,
  { carry }: Transition,
  origin: V,
  estimates: readonly V[],
  weights: readonly number[],
): V {
  return on.combination([[carry, origin], ...weights.map((weight, i): Term<V> => [weight, estimates[i]!])])
}
