import { invalidRequest } from '../errors.ts'
import type { Arithmetic } from '../tensor/arithmetic.ts'
import { zeroStarVelocity } from './cfg-zero-star.ts'
import { classifierFree, type GuidanceMethod } from './guidance-method.ts'
import { projectedVelocity } from './projected-guidance.ts'
import { type GuidedLatents, rescaled } from './rescaled-guidance.ts'

/** How strongly, in which part of a run, and by which formula the condition is followed. */
export interface Guidance {
  /** Factor on the difference between conditional and unconditional velocity. At 1 that pass is not needed. */
  readonly scale: number
  /** Whether a scale below 1 is off, as in most of diffusers' pipelines, or guides towards the unconditional velocity. */
  readonly belowOne: 'off' | 'guides'
  /** The steps that are guided, as fractions of the run: from start up to, not including, end. */
  readonly interval: readonly [start: number, end: number]
  /** 0 … 1: how far the guided result is scaled back to the spread of the conditional one. */
  readonly rescale: number
  /** What `rescale` compares: velocities, or the clean latents that they point at. */
  readonly space: 'velocity' | 'denoised'
  readonly method: GuidanceMethod
  /** Further passes of the network, by name: factors on the difference between conditional and their velocity. */
  readonly passes: Readonly<Record<string, number>>
}

/** One result of the network for each pass of a step, by the pass's name. */
export interface ByPass<T> {
  readonly conditional: T
  readonly unconditional?: T
  readonly [pass: string]: T | undefined
}

/** What a guided step leaves for the next one: plain data. Do not write to its arrays. */
export interface GuidanceState<V = Float32Array> {
  /** Adaptive projected guidance: the running difference that the condition makes. */
  readonly average?: V
}

/** The state before the first guided step of a run. */
export const emptyGuidanceState: GuidanceState<never> = Object.freeze({})

/**
 * Guidance with the defaults filled in: all steps, off below 1, no rescale, classifier-free, no further passes.
 * @throws RequestError `request/invalid` when a value is out of range
 */
export function createGuidance(
  options: Pick<Guidance, 'scale'> & Partial<Omit<Guidance, 'scale'>>,
): Guidance {
  const { scale, interval: [start, end] = [0, 1], rescale = 0, method = classifierFree } = options
  if (!(Number.isFinite(scale) && scale >= 0)) throw invalidRequest('guidance', 'a number from 0', scale)
  if (!(start >= 0 && start <= end && end <= 1)) {
    throw invalidRequest(
      'guidance interval',
      'two rising fractions of the run from 0 to 1',
      `${start} to ${end}`,
    )
  }
  if (!(rescale >= 0 && rescale <= 1))
    throw invalidRequest('guidance rescale', 'a number from 0 to 1', rescale)
  const { belowOne = 'off', space = 'velocity', passes = {} } = options
  const interval = Object.freeze([start, end] as const)
  return Object.freeze({ scale, belowOne, interval, rescale, space, method, passes })
}

/** Whether a guidance takes the unconditional velocity in any step. */
export function isGuided({ scale, belowOne }: Pick<Guidance, 'scale' | 'belowOne'>): boolean {
  return belowOne === 'off' ? scale > 1 : scale !== 1
}

/**
 * The passes that a step needs, the conditional one first. Fractions of the run are rounded down to whole steps.
 * @param guidances of every stream
 */
export function guidancePasses(guidances: readonly Guidance[], step: number, steps: number): string[] {
  const active = guidances.filter(guidance => inInterval(guidance, step, steps))
  const unconditional = active.some(isGuided) ? ['unconditional'] : []
  const further = active.flatMap(({ passes }) => Object.keys(passes).filter(name => passes[name] !== 0))
  return ['conditional', ...unconditional, ...new Set(further)]
}

function inInterval({ interval: [start, end] }: Guidance, step: number, steps: number): boolean {
  return step >= Math.floor(start * steps) && step < Math.floor(end * steps)
}

/** How many of the steps from `first` on are outside the interval, where guidance would else be on. */
export function stepsWithoutGuidance(guidance: Guidance, first: number, steps: number): number {
  const left = Array.from({ length: steps - first }, (_, index) => first + index)
  return isGuided(guidance) ? left.filter(step => !inInterval(guidance, step, steps)).length : 0
}

/** Whether a step's velocity is zero whatever the network gives: CFG-Zero* starts so, guided or not. */
export function startsAtZero({ method }: Guidance, step: number): boolean {
  return method.name === 'cfg-zero-star' && step < method.zeroInitSteps
}

/**
 * The guided velocity of one sample of one stream, and the state for the next guided step. The method combines the
 * conditional and the unconditional velocity; every further pass adds weight · (conditional − pass); the result is
 * rescaled if asked. All of it is linear but the rescale, so only that one tells velocities from denoised latents.
 * @param at what the velocities are of; only read for a rescale in denoised space
 */
export async function guided<V>(
  on: Arithmetic<V>,
  guidance: Guidance,
  velocities: ByPass<V>,
  at: GuidedLatents<V>,
  state: GuidanceState<V> = emptyGuidanceState,
): Promise<{ velocity: V; state: GuidanceState<V> }> {
  const { conditional, unconditional } = velocities
  const further = Object.entries(guidance.passes).flatMap(([name, weight]) => {
    const pass = velocities[name]
    return pass === undefined || weight === 0 ? [] : [{ weight, pass }]
  })
  const plain = { velocity: conditional, state }
  if (unconditional === undefined && further.length === 0) return plain
  const first = unconditional ? await byMethod(on, guidance, conditional, unconditional, state) : plain
  const velocity = further.reduce((sum, { weight, pass }) => {
    return on.combination([
      [1, sum],
      [weight, conditional],
      [-weight, pass],
    ])
  }, first.velocity)
  if (guidance.rescale === 0) return { ...first, velocity }
  return { ...first, velocity: await rescaled(on, guidance, { velocity, conditional }, at) }
}

async function byMethod<V>(
  on: Arithmetic<V>,
  { method, scale }: Guidance,
  conditional: V,
  unconditional: V,
  state: GuidanceState<V>,
): Promise<{ velocity: V; state: GuidanceState<V> }> {
  switch (method.name) {
    case 'cfg': {
      // unconditional + scale · (conditional − unconditional) (Ho & Salimans, https://arxiv.org/abs/2207.12598)
      const velocity = on.combination([
        [scale, conditional],
        [1 - scale, unconditional],
      ])
      return { velocity, state }
    }
    case 'cfg-zero-star':
      return { velocity: await zeroStarVelocity(on, scale, conditional, unconditional), state }
    case 'apg': {
      const { average: before } = state
      const found = await projectedVelocity(on, method, scale, conditional, unconditional, before)
      return { velocity: found.velocity, state: { average: found.average } }
    }
  }
}
