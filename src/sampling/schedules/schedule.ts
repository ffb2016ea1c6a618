import { RequestError } from '../../errors.ts'
import type { ShiftCurve, ShiftRange } from './dynamic-shift.ts'

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

/** The error for a sampler that is not defined on levels as they are given. */
export function unsupportedSpacing(expected: string, got: string, sampler: string): RequestError {
  return new RequestError('request/unsupported', {
    subject: 'schedule',
    expected: `${expected} for the sampler ${sampler}`,
    got,
    advice: 'Use the sampler euler.',
  })
}
