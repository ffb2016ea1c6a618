/** Shifts that depend on the size of the video. */
import { invalidRequest } from '../../errors.ts'

export type ShiftCurve = 'exponential' | 'linear'

/** The line through two points (tokens, mu) on which a dynamic shift lies. */
export interface ShiftRange {
  readonly baseTokens: number
  readonly maxTokens: number
  readonly baseShift: number
  readonly maxShift: number
}

/** The range that diffusers' pipelines assume where a scheduler's config names none. */
export const defaultShiftRange: ShiftRange = {
  baseTokens: 256,
  maxTokens: 4096,
  baseShift: 0.5,
  maxShift: 1.15,
}

/**
 * The dynamic shift of a request: `mu`, or the point of the range's line at `tokens`.
 * @throws RequestError `request/invalid` when the request has neither
 */
export function muOf(
  range: ShiftRange,
  { mu, tokens }: { readonly mu?: number; readonly tokens?: number },
): number {
  if (mu !== undefined) return mu
  if (tokens === undefined) {
    throw invalidRequest(
      'schedule',
      'tokens or mu, for a shift that depends on the size of the video',
      'neither',
    )
  }
  const slope = (range.maxShift - range.baseShift) / (range.maxTokens - range.baseTokens)
  return tokens * slope + (range.baseShift - slope * range.baseTokens)
}

/** @param round to the float width that the reference computes in */
export function shiftDynamically(
  sigmas: readonly number[],
  curve: ShiftCurve,
  mu: number,
  round: (value: number) => number,
): number[] {
  const strength = round(curve === 'exponential' ? Math.exp(mu) : mu)
  return sigmas.map(sigma => round(strength / round(strength + round(round(1 / sigma) - 1))))
}
