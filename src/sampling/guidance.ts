import { RequestError } from '../errors.ts'
import { zeroStarVelocity } from './cfg-zero-star.ts'
import { type GuidanceMethod, guidanceMethod } from './guidance-method.ts'
import { projectedVelocity } from './projected-guidance.ts'

/** How strongly, in which part of a run, and by which formula the condition is followed. */
export interface Guidance {
  /** Factor on the difference that the condition makes. Only above 1 is there any guidance. */
  readonly scale: number
  /** The steps that are guided, as fractions of the run: from start up to, not including, end. */
  readonly interval: readonly [start: number, end: number]
  /** 0 … 1: how far the guided velocity is scaled back to the spread of the conditional one. */
  readonly rescale: number
  readonly method: GuidanceMethod
}

/** What a guided step leaves for the next one: plain data. Do not write to its arrays. */
export interface GuidanceState {
  /** Adaptive projected guidance: the running difference that the condition makes. */
  readonly average?: Float32Array
}

/** The state before the first guided step of a run. */
export const emptyGuidanceState: GuidanceState = Object.freeze({})

/**
 * Guidance with the defaults filled in: all steps, no rescale, classifier-free.
 * @throws RequestError `request/invalid` when a value is out of range
 */
export function createGuidance(options: {
  scale: number
  interval?: readonly [number, number]
  rescale?: number
  method?: GuidanceMethod
}): Guidance {
  const { scale, interval: [start, end] = [0, 1], rescale = 0, method = guidanceMethod() } = options
  if (!(Number.isFinite(scale) && scale >= 0)) throw invalid('guidance', 'a number from 0', scale)
  if (!(start >= 0 && start <= end && end <= 1)) {
    throw invalid('guidance interval', 'two rising fractions of the run from 0 to 1', `${start} to ${end}`)
  }
  if (!(rescale >= 0 && rescale <= 1)) throw invalid('guidance rescale', 'a number from 0 to 1', rescale)
  return Object.freeze({ scale, interval: Object.freeze([start, end] as const), rescale, method })
}

/** Whether a step needs the unconditional velocity at all. Fractions of the run are rounded down to whole steps. */
export function guidanceActive(
  { scale, interval: [start, end] }: Guidance,
  step: number,
  steps: number,
): boolean {
  return scale > 1 && step >= Math.floor(start * steps) && step < Math.floor(end * steps)
}

/** How many of the steps from `first` on are outside the interval, where guidance would else be on. */
export function stepsWithoutGuidance(guidance: Guidance, first: number, steps: number): number {
  if (guidance.scale <= 1) return 0
  let count = 0
  for (let step = first; step < steps; step++) if (!guidanceActive(guidance, step, steps)) count++
  return count
}

/** Whether a step's velocity is zero whatever the network gives: CFG-Zero* starts so, guided or not. */
export function startsAtZero({ method }: Guidance, step: number): boolean {
  return method.name === 'cfg-zero-star' && step < method.zeroInitSteps
}

/**
 * The guided velocity of one sample, in a new array, by the method of the guidance, rescaled if asked; and the state
 * for the next guided step.
 */
export function guided(
  guidance: Guidance,
  conditional: Float32Array,
  unconditional: Float32Array,
  state: GuidanceState = emptyGuidanceState,
): { velocity: Float32Array; state: GuidanceState } {
  if (unconditional.length !== conditional.length) {
    throw new RangeError(`unconditional: expected ${conditional.length} values, got ${unconditional.length}.`)
  }
  const { rescale } = guidance
  const result = byMethod(guidance, conditional, unconditional, state)
  if (rescale > 0) scaleInPlace(result.velocity, rescaleFactor(result.velocity, conditional, rescale))
  return result
}

function byMethod(
  { method, scale }: Guidance,
  conditional: Float32Array,
  unconditional: Float32Array,
  state: GuidanceState,
): { velocity: Float32Array; state: GuidanceState } {
  switch (method.name) {
    case 'cfg':
      return { velocity: classifierFree(scale, conditional, unconditional), state }
    case 'cfg-zero-star':
      return { velocity: zeroStarVelocity(scale, conditional, unconditional), state }
    case 'apg': {
      const { velocity, average } = projectedVelocity(
        method,
        scale,
        conditional,
        unconditional,
        state.average,
      )
      return { velocity, state: { average } }
    }
  }
}

/**
 * unconditional + scale · (conditional − unconditional), in a new array
 * (Ho & Salimans, https://arxiv.org/abs/2207.12598).
 */
function classifierFree(scale: number, conditional: Float32Array, unconditional: Float32Array): Float32Array {
  const result = new Float32Array(conditional.length)
  for (let i = 0; i < result.length; i++) {
    result[i] = unconditional[i]! + scale * (conditional[i]! - unconditional[i]!)
  }
  return result
}

/** Lin et al., https://arxiv.org/abs/2305.08891, equations 15 and 16; `rescale_noise_cfg` of diffusers' pipelines. */
function rescaleFactor(velocity: Float32Array, conditional: Float32Array, rescale: number): number {
  return rescale * (spread(conditional) / spread(velocity)) + (1 - rescale)
}

function scaleInPlace(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor
}

/** The standard deviation of n values times √(n − 1), which a ratio of two of them does not have. */
function spread(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  const mean = sum / values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2
  return Math.sqrt(squares)
}

function invalid(subject: string, expected: string, got: unknown): RequestError {
  return new RequestError('request/invalid', { subject, expected, got: String(got) })
}
