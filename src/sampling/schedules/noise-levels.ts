/** How the levels of flow-matching schedules are made. */
import { invalidRequest } from '../../errors.ts'
import { muOf, shiftDynamically } from './dynamic-shift.ts'
import type { FlowSettings, Schedule, ScheduleRequest, Spacing } from './schedule.ts'

/** Builds the record: appends the final 0 and rounds both tables to float32. */
export function scheduleOf(
  sigmas: readonly number[],
  timesteps: readonly number[],
  trainTimesteps: number,
): Schedule {
  return {
    sigmas: Float32Array.from([...sigmas, 0]),
    timesteps: Float32Array.from(timesteps),
    trainTimesteps,
  }
}

/**
 * Checks a spacing.
 * @throws RequestError `request/invalid` when steps is no positive integer, or the levels do not fall strictly
 *   within (0, 1] or (0, trainTimesteps]
 */
export function checkSpacing(spacing: Spacing, trainTimesteps: number): void {
  if ('steps' in spacing) {
    if (Number.isSafeInteger(spacing.steps) && spacing.steps > 0) return
    throw invalidRequest('steps', 'a positive whole number', spacing.steps)
  }
  if ('sigmas' in spacing) checkFalling('sigmas', spacing.sigmas, 1)
  else checkFalling('timesteps', spacing.timesteps, trainTimesteps)
}

function checkFalling(subject: string, levels: readonly number[], limit: number): void {
  const falls = levels.every((level, i) => level > 0 && level <= limit && (i === 0 || level < levels[i - 1]!))
  if (levels.length > 0 && falls) return
  throw invalidRequest(subject, `falling numbers above 0 and up to ${limit}`, `[${levels.join(', ')}]`)
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

/** Scales the distances from 1 so that the last sigma becomes `terminal`. */
function stretch(sigmas: readonly number[], terminal: number, round: Rounding): number[] {
  const distances = sigmas.map(sigma => round(1 - sigma))
  const scale = round(distances.at(-1)! / round(1 - terminal))
  // A single step stands at 1 and has nothing to stretch; the reference divides 0 by 0 here.
  if (scale === 0) return [...sigmas]
  return distances.map(distance => round(1 - round(distance / scale)))
}
