import type { Arithmetic, Term } from '../../tensor/arithmetic.ts'
import { checkStep, denoisedBy, halfLogSnr, type Sampler, type SamplerStep, signalOf } from './sampler.ts'

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
  const rhos = order === 2 ? [0.5] : solve(vandermonde(positions.slice(0, -1)), targets.slice(0, -1))
  return estimateWeights(towards, rhos)
}

/** Weights of the estimates at and before the start, newest first, and then of the one at the end of the step. */
export function correctorWeights(towards: Transition): number[] {
  const { order, positions, targets } = towards
  return estimateWeights(towards, order === 1 ? [0.5] : solve(vandermonde(positions), targets))
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

/** Solves a small system by elimination with partial pivoting, in float32. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  for (let column = 0; column < rows.length; column++) {
    const candidates = rows.slice(column).map(row => Math.abs(row[column]!))
    const pivot = column + candidates.indexOf(Math.max(...candidates))
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (const row of rows.slice(column + 1)) subtractScaled(row, rows[column]!, column)
  }
  return backSubstituted(rows)
}

function subtractScaled(row: number[], pivotRow: readonly number[], column: number): void {
  const factor = fround(row[column]! / pivotRow[column]!)
  for (let k = column; k < row.length; k++) row[k] = fround(row[k]! - fround(factor * pivotRow[k]!))
}

function backSubstituted(rows: readonly (readonly number[])[]): number[] {
  const solution: number[] = new Array(rows.length).fill(0)
  for (let i = rows.length - 1; i >= 0; i--) {
    let rest = rows[i]!.at(-1)!
    for (let k = i + 1; k < rows.length; k++) rest = fround(rest - fround(rows[i]![k]! * solution[k]!))
    solution[i] = fround(rest / rows[i]![i]!)
  }
  return solution
}
