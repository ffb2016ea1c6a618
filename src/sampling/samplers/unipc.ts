import type { Arithmetic, Term } from '../../tensor/arithmetic.ts'
import { linspace } from '../../tensor/arithmetic.ts'
import { solveLinear } from '../../tensor/solve-linear.ts'
import { float64, scheduleOf, shiftSigmas } from '../schedules/noise-levels.ts'
import {
  type FlowSettings,
  type Schedule,
  type ScheduleRequest,
  unsupportedSpacing,
} from '../schedules/schedule.ts'
import type { Sampler, SamplerStep } from './sampler.ts'
import { checkStep, denoisedBy, halfLogSnr, signalOf } from './step-formulas.ts'

const { fround } = Math

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
    schedule,
    step(on, state) {
      checkStep(sampler, state)
      const { latents, velocity, step, schedule, history } = state
      const denoised = denoisedBy(on, latents, velocity, schedule.sigmas[step]!)
      const origin = options.disabledCorrectors.includes(step - 1)
        ? latents
        : corrected(on, state, denoised, options.kind)
      const estimates = [denoised, ...history.denoised].slice(0, options.order)
      const order = predictorOrder(options, state)
      const weights = solverWeights(schedule.sigmas, step, order, options.kind, 'predictor')
      return {
        latents: weighted(on, weights, origin, estimates),
        history: { denoised: estimates, origin, order },
      }
    },
  }
  return Object.freeze(sampler)
}

/** How far below 1 the first sigma is kept: the solver takes the logarithm of 1 − sigma. */
const margin = 1e-6

/** The table of diffusers' UniPCMultistepScheduler with flow sigmas; timesteps are truncated to whole numbers. */
function schedule(settings: FlowSettings, request: ScheduleRequest): Schedule {
  if ('timesteps' in request) throw unsupportedSpacing('steps or sigmas', 'timesteps', 'unipc')
  const { trainTimesteps } = settings
  const even =
    'steps' in request ? linspace(1, 1 / trainTimesteps, request.steps + 1).slice(0, -1) : request.sigmas
  const sigmas = shiftSigmas(even, settings, request, float64)
  if (Math.abs(sigmas[0]! - 1) < margin) sigmas[0]! -= margin
  const timesteps = sigmas.map(sigma => Math.trunc(sigma * trainTimesteps))
  return scheduleOf(sigmas, timesteps, trainTimesteps)
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
  const weights = solverWeights(schedule.sigmas, step - 1, order, kind, 'corrector')
  return weighted(on, weights, origin, [...history.denoised.slice(0, order), denoised])
}

function weighted<V>(
  on: Arithmetic<V>,
  { carry, estimates }: SolverWeights,
  origin: V,
  values: readonly V[],
): V {
  return on.combination([[carry, origin], ...estimates.map((weight, i): Term<V> => [weight, values[i]!])])
}

/** The two choices of the function B(h) in the UniPC paper: h itself, or e^h − 1. */
export type BhKind = 'bh1' | 'bh2'

/** Weights in the latents at the next noise level: of those at the level that the step starts from, and of the estimates. */
interface SolverWeights {
  readonly carry: number
  /** At and before the start, newest first; for the corrector then the one at the end of the step. */
  readonly estimates: readonly number[]
}

/**
 * Section 3 of the paper, in its notation: h is the step in half log-SNR, phi are the exponential integrals, rho solves
 * the order conditions. Scalars are rounded to float32, as the reference has them.
 * @param from index of the level that the step starts from
 */
function solverWeights(
  sigmas: Float32Array,
  from: number,
  order: number,
  kind: BhKind,
  formula: 'predictor' | 'corrector',
): SolverWeights {
  const [start, end] = [sigmas[from]!, sigmas[from + 1]!]
  const h = fround(halfLogSnr(end) - halfLogSnr(start))
  const signal = signalOf(end)
  const phi1 = fround(Math.expm1(-h))
  const b = kind === 'bh1' ? -h : phi1
  // Positions of the other estimates, in step lengths from the start.
  const before = Array.from({ length: order - 1 }, (_, i) =>
    fround(fround(halfLogSnr(sigmas[from - i - 1]!) - halfLogSnr(start)) / h),
  )
  const positions = formula === 'predictor' ? before : [...before, 1]
  // A single condition has the solution 1/2 up to the order of the error; the reference takes that.
  const rhos =
    positions.length === 1
      ? [0.5]
      : solveLinear(vandermonde(positions), orderConditions(positions.length, -h, phi1, b))
  // Differences to the estimate at the start, each divided by its position, make the weights of the estimates.
  const gain = fround(signal * b)
  const others = rhos.map((rho, i) => (-gain * rho) / positions[i]!)
  const first = others.reduce((sum, weight) => sum - weight, -fround(signal * phi1))
  return { carry: fround(end / start), estimates: [first, ...others] }
}

/** Right-hand sides of the order conditions. */
function orderConditions(count: number, h: number, phi1: number, b: number): number[] {
  const targets: number[] = []
  let phi = fround(fround(phi1 / h) - 1)
  let factorial = 1
  for (let i = 1; i <= count; i++) {
    targets.push(fround(fround(phi * factorial) / b))
    factorial *= i + 1
    phi = fround(fround(phi / h) - fround(1 / factorial))
  }
  return targets
}

/** Row i holds the positions to the power of i. */
function vandermonde(positions: readonly number[]): number[][] {
  return positions.map((_, power) => positions.map(position => fround(position ** power)))
}
