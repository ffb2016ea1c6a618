import { z } from 'zod'
import type { Arithmetic, Term } from '../../tensor/arithmetic.ts'
import { linspace } from '../../tensor/arithmetic.ts'
import { solveLinear } from '../../tensor/solve-linear.ts'
import { float64, flowSettings, scheduleOf, shiftSigmas } from '../schedules/noise-levels.ts'
import type { FlowSettings, Schedule, ScheduleRequest } from '../schedules/schedule.ts'
import type { Sampler, SamplerStep } from './sampler.ts'
import { solverFields, solverType } from './solver-config.ts'
import { checkStep, denoisedBy, halfLogSnr, signalOf, unsupportedSpacing } from './step-formulas.ts'

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
      const towards = transition({ sigmas: schedule.sigmas, from: step, order, kind: options.kind })
      return {
        latents: weighted(on, towards, origin, estimates, predictorWeights(towards)),
        history: { denoised: estimates, origin, order },
      }
    },
  }
  return Object.freeze(sampler)
}

/** The config of diffusers' UniPCMultistepScheduler. */
export const uniPCConfig = z
  .object({
    ...solverFields,
    solver_type: solverType(['bh2', 'bh1'], { midpoint: 'bh2', heun: 'bh2', logrho: 'bh2' }),
    predict_x0: z.literal(true).default(true),
    disable_corrector: z.array(z.number().int()).default([]),
    solver_p: z.null().default(null),
    time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
    shift_terminal: z.number().min(0).lt(1).nullable().default(null),
  })
  .transform(config => ({
    sampler: createUniPC({
      order: config.solver_order,
      kind: config.solver_type,
      lowerOrderFinal: config.lower_order_final,
      disabledCorrectors: config.disable_corrector,
    }),
    flow: flowSettings(config, config.flow_shift),
  }))

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

/** The two choices of the function B(h) in the UniPC paper: h itself, or e^h − 1. */
export type BhKind = 'bh1' | 'bh2'

/** One step of the solver, from a noise level to the next. Scalars are rounded to float32, as the reference has them. */
export interface Transition {
  readonly order: number
  /** Weight of the latents at the level the step starts from. */
  readonly carry: number
  /** Weight of minus the estimate made there, if it alone were used. */
  readonly decay: number
  /** Weight of minus the sum of differences to that estimate. */
  readonly gain: number
  /** Positions of the other estimates, in step lengths from the start: those before it, newest first, then 1. */
  readonly positions: readonly number[]
  /** Right-hand side of the order conditions. */
  readonly targets: readonly number[]
}

interface TransitionOptions {
  readonly sigmas: Float32Array
  /** Index of the level the step starts from. */
  readonly from: number
  readonly order: number
  readonly kind: BhKind
}

/** Section 3 of the paper, in its notation: h is the step in half log-SNR, phi are the exponential integrals. */
export function transition({ sigmas, from, order, kind }: TransitionOptions): Transition {
  const [start, end] = [sigmas[from]!, sigmas[from + 1]!]
  const h = fround(halfLogSnr(end) - halfLogSnr(start))
  const signal = signalOf(end)
  const phi1 = fround(Math.expm1(-h))
  const b = kind === 'bh1' ? -h : phi1
  const positions = Array.from({ length: order - 1 }, (_, i) =>
    fround(fround(halfLogSnr(sigmas[from - i - 1]!) - halfLogSnr(start)) / h),
  )
  return {
    order,
    carry: fround(end / start),
    decay: fround(signal * phi1),
    gain: fround(signal * b),
    positions: [...positions, 1],
    targets: orderConditions(order, -h, phi1, b),
  }
}

function orderConditions(order: number, h: number, phi1: number, b: number): number[] {
  const targets: number[] = []
  let phi = fround(fround(phi1 / h) - 1)
  let factorial = 1
  for (let i = 1; i <= order; i++) {
    targets.push(fround(fround(phi * factorial) / b))
    factorial *= i + 1
    phi = fround(fround(phi / h) - fround(1 / factorial))
  }
  return targets
}

/** Weights of the estimates at and before the start, newest first. */
export function predictorWeights(towards: Transition): number[] {
  const { order, positions, targets } = towards
  // The second order's one condition has the solution 1/2 up to the order of the error; the reference takes that.
  const rhos = order === 2 ? [0.5] : solveLinear(vandermonde(positions.slice(0, -1)), targets.slice(0, -1))
  return estimateWeights(towards, rhos)
}

/** Weights of the estimates at and before the start, newest first, and then of the one at the end of the step. */
export function correctorWeights(towards: Transition): number[] {
  const { order, positions, targets } = towards
  return estimateWeights(towards, order === 1 ? [0.5] : solveLinear(vandermonde(positions), targets))
}

/** Collects differences to the starting estimate, each divided by its position, into weights of the estimates. */
function estimateWeights({ decay, gain, positions }: Transition, rhos: readonly number[]): number[] {
  const others = rhos.map((rho, i) => (-gain * rho) / positions[i]!)
  return [others.reduce((sum, weight) => sum - weight, -decay), ...others]
}

/** Row i holds the positions to the power of i. */
function vandermonde(positions: readonly number[]): number[][] {
  return positions.map((_, power) => positions.map(position => fround(position ** power)))
}
