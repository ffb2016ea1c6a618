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
