import { RequestError } from '../errors.ts'
import type { Arithmetic } from './arithmetic.ts'
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
export interface GuidanceState<V = Float32Array> {
  /** Adaptive projected guidance: the running difference that the condition makes. */
  readonly average?: V
}

/** The state before the first guided step of a run. */
export const emptyGuidanceState: GuidanceState<never> = Object.freeze({})

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
 * The guided velocity of one sample by the method of the guidance, rescaled if asked; and the state for the next guided
 * step.
 */
export async function guided<V>(
  on: Arithmetic<V>,
  guidance: Guidance,
  conditional: V,
  unconditional: V,
  state: GuidanceState<V> = emptyGuidanceState,
): Promise<{ velocity: V; state: GuidanceState<V> }> {
  const { rescale } = guidance
  const result = await byMethod(on, guidance, conditional, unconditional, state)
  if (rescale === 0) return result
  const factor = await rescaleFactor(on, result.velocity, conditional, rescale)
  return { ...result, velocity: on.combination([[factor, result.velocity]]) }
}

async function byMethod<V>(
  on: Arithmetic<V>,
  { method, scale }: Guidance,
  conditional: V,
  unconditional: V,
  state: GuidanceState<V>,
): Promise<{ velocity: V; state: GuidanceState<V> }> {
  switch (method.name) {
    case 'cfg':
      return { velocity: classifierFree(on, scale, conditional, unconditional), state }
    case 'cfg-zero-star':
      return { velocity: await zeroStarVelocity(on, scale, conditional, unconditional), state }
    case 'apg': {
      const { average: before } = state
      const found = await projectedVelocity(on, method, scale, conditional, unconditional, before)
      return { velocity: found.velocity, state: { average: found.average } }
    }
  }
}

/** unconditional + scale · (conditional − unconditional) (Ho & Salimans, https://arxiv.org/abs/2207.12598). */
function classifierFree<V>(on: Arithmetic<V>, scale: number, conditional: V, unconditional: V): V {
  return on.combination([
    [scale, conditional],
    [1 - scale, unconditional],
  ])
}

/** Lin et al., https://arxiv.org/abs/2305.08891, equations 15 and 16; `rescale_noise_cfg` of diffusers' pipelines. */
async function rescaleFactor<V>(
  on: Arithmetic<V>,
  velocity: V,
  conditional: V,
  rescale: number,
): Promise<number> {
  return rescale * ((await spread(on, conditional)) / (await spread(on, velocity))) + (1 - rescale)
}

/** The standard deviation of n values times √(n − 1), which a ratio of two of them does not have. */
async function spread<V>(on: Arithmetic<V>, values: V): Promise<number> {
  const sum = await on.sum(values)
  return Math.sqrt((await on.innerProduct(values, values)) - (sum * sum) / on.count(values))
}

function invalid(subject: string, expected: string, got: unknown): RequestError {
  return new RequestError('request/invalid', { subject, expected, got: String(got) })
}
