import { RequestError } from '../../errors.ts'
import { muOf, type ShiftCurve, type ShiftRange, shiftDynamically } from './dynamic-shift.ts'

/** The noise levels of a run. Plain data: it can be cloned, stored and sent. */
export interface Schedule {
  /** Noise level before each step and after the last: steps + 1 entries in [0, 1], the last is 0. */
  readonly sigmas: Float32Array
  /** What the network embeds at each step: steps entries in [0, trainTimesteps]. */
  readonly timesteps: Float32Array
  /** The timestep of sigma 1. */
  readonly trainTimesteps: number
}

/** Where the levels are placed before they are shifted: a number of steps, or the levels themselves, falling. */
export type Spacing =
  | { readonly steps: number }
  | { readonly sigmas: readonly number[] }
  | { readonly timesteps: readonly number[] }

/** What a schedule is made from. A dynamic shift needs `tokens` or `mu`; a static one reads neither. */
export type ScheduleRequest = Spacing & {
  /** Length of the latent sequence, after patchify. */
  readonly tokens?: number
  /** The dynamic shift itself, for a caller that knows it. */
  readonly mu?: number
  /** Whether sigmas or timesteps are the levels of the run: neither shifted nor stretched. @default false */
  readonly asGiven?: boolean
}

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
    throw invalid('steps', 'a positive whole number', spacing.steps)
  }
  if ('sigmas' in spacing) checkFalling('sigmas', spacing.sigmas, 1)
  else checkFalling('timesteps', spacing.timesteps, trainTimesteps)
}

function checkFalling(subject: string, levels: readonly number[], limit: number): void {
  const falls = levels.every((level, i) => level > 0 && level <= limit && (i === 0 || level < levels[i - 1]!))
  if (levels.length > 0 && falls) return
  throw invalid(subject, `falling numbers above 0 and up to ${limit}`, `[${levels.join(', ')}]`)
}

function invalid(subject: string, expected: string, got: unknown): RequestError {
  return new RequestError('request/invalid', { subject, expected, got: String(got) })
}

/** How evenly spaced sigmas are moved towards the noisy end, where large videos need more of the steps. */
export type Shift =
  | { readonly kind: 'static'; readonly shift: number }
  | { readonly kind: 'dynamic'; readonly curve: ShiftCurve; readonly range: ShiftRange }

/** What every flow-matching schedule is set by. */
export interface FlowSettings {
  /** The timestep of sigma 1. */
  readonly trainTimesteps: number
  readonly shift: Shift
  /** The level that the last sigma before 0 is stretched to; undefined to leave the table as it is. */
  readonly shiftTerminal: number | undefined
}

/** In the configs, a terminal level of 0 and none at all both leave the table unstretched. */
export function flowSettings(
  trainTimesteps: number,
  shift: Shift,
  shiftTerminal: number | null,
): FlowSettings {
  return { trainTimesteps, shift, shiftTerminal: shiftTerminal || undefined }
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

/** `count` numbers from start to stop inclusive, evenly spaced; bit for bit numpy.linspace. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1)
  const values = Array.from({ length: count }, (_, i) => i * step + start)
  values[0] = start
  if (count > 1) values[count - 1] = stop
  return values
}
