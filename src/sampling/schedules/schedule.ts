import { RequestError } from '../../errors.ts'

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

/** In the configs, a terminal level of 0 and none at all both leave the table unstretched. */
export function flowSettings(
  trainTimesteps: number,
  shift: Shift,
  shiftTerminal: number | null,
): FlowSettings {
  return { trainTimesteps, shift, shiftTerminal: shiftTerminal || undefined }
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

/** `count` numbers from start to stop inclusive, evenly spaced; bit for bit numpy.linspace. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1)
  const values = Array.from({ length: count }, (_, i) => i * step + start)
  values[0] = start
  if (count > 1) values[count - 1] = stop
  return values
}

/** Sigmas from 1 down to 1/steps in even steps: the sigmas that LTX pipelines pass on. */
export function linearSigmas(steps: number): number[] {
  return linspace(1, 1 / steps, steps)
}

/**
 * Sigmas that fall slowly and evenly from 1 to 0.975 in the first half and along a parabola towards 0 in the second
 * (Movie Gen, https://arxiv.org/abs/2410.13720, 3.4; `linear_quadratic_schedule` of diffusers' LTXConditionPipeline).
 */
export function linearQuadraticSigmas(steps: number): number[] {
  if (steps < 2) return [1]
  const threshold = 0.025
  const linearSteps = Math.floor(steps / 2)
  const quadraticSteps = steps - linearSteps
  const rest = linearSteps - threshold * steps
  const quadratic = rest / (linearSteps * quadraticSteps ** 2)
  const linear = threshold / linearSteps - (2 * rest) / quadraticSteps ** 2
  const constant = quadratic * linearSteps ** 2
  return Array.from({ length: steps }, (_, i) =>
    Math.fround(
      1 - (i < linearSteps ? (i * threshold) / linearSteps : quadratic * i ** 2 + linear * i + constant),
    ),
  )
}
