import { RequestError } from '../../errors.ts'
import type { ScheduleRequest } from './schedule.ts'

/** How evenly spaced sigmas are moved towards the noisy end, where large videos need more of the steps. */
export type Shift =
  | { readonly kind: 'static'; readonly shift: number }
  | { readonly kind: 'dynamic'; readonly curve: ShiftCurve; readonly range: ShiftRange }

export type ShiftCurve = 'exponential' | 'linear'

/** The line through two points (tokens, mu) on which a dynamic shift lies. */
export interface ShiftRange {
  readonly baseTokens: number
  readonly maxTokens: number
  readonly baseShift: number
  readonly maxShift: number
}

/** What every flow-matching schedule is set by. */
export interface FlowSettings {
  /** The timestep of sigma 1. */
  readonly trainTimesteps: number
  readonly shift: Shift
  /** The level that the last sigma before 0 is stretched to; undefined to leave the table as it is. */
  readonly shiftTerminal: number | undefined
}

/** The range that diffusers' pipelines assume where a scheduler's config names none. */
export const defaultShiftRange: ShiftRange = {
  baseTokens: 256,
  maxTokens: 4096,
  baseShift: 0.5,
  maxShift: 1.15,
}

/** Rounds intermediate results to the float width the reference computes them in. */
export type Rounding = (value: number) => number

/** For tables the reference computes in float64. */
export const float64: Rounding = value => value

/** For tables the reference computes in float32. */
export const float32: Rounding = Math.fround

/** Shifts every sigma, then stretches the table to its terminal level. */
export function shiftSigmas(
  sigmas: readonly number[],
  settings: FlowSettings,
  request: ScheduleRequest,
  round: Rounding,
): number[] {
  const { shift, shiftTerminal } = settings
  const shifted =
    shift.kind === 'static'
      ? sigmas.map(sigma => shiftStatically(sigma, shift.shift, round))
      : shiftDynamically(sigmas, shift.curve, muOf(shift.range, request), round)
  return shiftTerminal === undefined ? shifted : stretch(shifted, shiftTerminal, round)
}

/** sigma′ = s·sigma / (1 + (s − 1)·sigma) (Esser et al., https://arxiv.org/abs/2403.03206, equation 23). */
export function shiftStatically(sigma: number, shift: number, round: Rounding): number {
  return round(round(round(shift) * sigma) / round(1 + round(round(shift - 1) * sigma)))
}

/**
 * The dynamic shift of a request: `mu`, or the point of the range's line at `tokens`.
 * @throws RequestError `request/invalid` when the request has neither
 */
export function muOf(range: ShiftRange, { mu, tokens }: ScheduleRequest): number {
  if (mu !== undefined) return mu
  if (tokens === undefined) {
    throw new RequestError('request/invalid', {
      subject: 'schedule',
      expected: 'tokens or mu, for a shift that depends on the size of the video',
      got: 'neither',
    })
  }
  const slope = (range.maxShift - range.baseShift) / (range.maxTokens - range.baseTokens)
  return tokens * slope + (range.baseShift - slope * range.baseTokens)
}

function shiftDynamically(
  sigmas: readonly number[],
  curve: ShiftCurve,
  mu: number,
  round: Rounding,
): number[] {
  const strength = round(curve === 'exponential' ? Math.exp(mu) : mu)
  return sigmas.map(sigma => round(strength / round(strength + round(round(1 / sigma) - 1))))
}

/** Scales the distances from 1 so that the last sigma becomes `terminal`. */
function stretch(sigmas: readonly number[], terminal: number, round: Rounding): number[] {
  const distances = sigmas.map(sigma => round(1 - sigma))
  const scale = round(distances.at(-1)! / round(1 - terminal))
  // A single step stands at 1 and has nothing to stretch; the reference divides 0 by 0 here.
  if (scale === 0) return [...sigmas]
  return distances.map(distance => round(1 - round(distance / scale)))
}
