import { invalidRequest } from '../errors.ts'

/**
 * How the two branches become one velocity: classifier-free guidance, CFG-Zero* (Fan et al. 2025,
 * https://arxiv.org/abs/2503.18886) or adaptive projected guidance (Sadat et al. 2024,
 * https://arxiv.org/abs/2410.02416).
 */
export const guidanceMethodNames = ['cfg', 'cfg-zero-star', 'apg'] as const

export type GuidanceMethodName = (typeof guidanceMethodNames)[number]

/** A method with its parameters. */
export type GuidanceMethod = { readonly name: 'cfg' } | ZeroStar | Projected

export interface ZeroStar {
  readonly name: 'cfg-zero-star'
  /** First steps of the schedule whose velocity is zero, guided or not. */
  readonly zeroInitSteps: number
}

export interface Projected {
  readonly name: 'apg'
  /** Factor on the part of the difference that is parallel to the conditional velocity: 1 keeps it, 0 drops it. */
  readonly eta: number
  /** L2 norm over the whole sample that the difference is scaled down to where it is larger; 0: never. */
  readonly normThreshold: number
  /** Factor on the running sum of the differences before; below 0 it pushes away from where they went. */
  readonly momentum: number
}

/** Classifier-free guidance, which has no parameters. */
export const classifierFree: GuidanceMethod = Object.freeze({ name: 'cfg' })

/** Parameters of the methods, each with a default of its own; they may only be set with the method they are of. */
export interface GuidanceMethodOptions {
  /** cfg-zero-star. @default 1 */
  readonly zeroInitSteps?: number | undefined
  /** apg. @default 0 */
  readonly apgEta?: number | undefined
  /** apg. 0 is no limit, since a norm grows with the size of the clip. @default 0 */
  readonly apgNormThreshold?: number | undefined
  /**
   * apg, as diffusers has it: negative momentum needs a norm threshold, or few steps end in noise.
   * @default 0
   */
  readonly apgMomentum?: number | undefined
}

/**
 * A method with the defaults filled in.
 * @throws RequestError `request/invalid` for an unknown method, a parameter of another one or one out of range
 */
export function guidanceMethod(
  name: GuidanceMethodName = 'cfg',
  options: GuidanceMethodOptions = {},
): GuidanceMethod {
  if (!guidanceMethodNames.includes(name)) {
    throw invalidRequest('guidanceMethod', `one of ${guidanceMethodNames.join(', ')}`, name)
  }
  for (const [parameter, { of, expected, valid }] of Object.entries(parameters)) {
    const value = options[parameter as keyof GuidanceMethodOptions]
    if (value === undefined) continue
    if (name !== of) throw invalidRequest(parameter, `the guidance method ${of} with it`, name)
    if (!valid(value)) throw invalidRequest(parameter, expected, value)
  }
  return Object.freeze(methods[name](options))
}

const methods: Record<GuidanceMethodName, (options: GuidanceMethodOptions) => GuidanceMethod> = {
  cfg: () => classifierFree,
  'cfg-zero-star': ({ zeroInitSteps = 1 }) => ({ name: 'cfg-zero-star', zeroInitSteps }),
  apg: ({ apgEta: eta = 0, apgNormThreshold: normThreshold = 0, apgMomentum: momentum = 0 }) => ({
    name: 'apg',
    eta,
    normThreshold,
    momentum,
  }),
}

interface Parameter {
  readonly of: GuidanceMethodName
  readonly expected: string
  valid(value: number): boolean
}

const parameters: Record<keyof GuidanceMethodOptions, Parameter> = {
  zeroInitSteps: {
    of: 'cfg-zero-star',
    expected: 'a whole number from 0',
    valid: value => Number.isInteger(value) && value >= 0,
  },
  apgEta: { of: 'apg', expected: 'a number from 0 to 1', valid: value => value >= 0 && value <= 1 },
  apgNormThreshold: {
    of: 'apg',
    expected: 'a number from 0',
    valid: value => Number.isFinite(value) && value >= 0,
  },
  apgMomentum: {
    of: 'apg',
    expected: 'a number between -1 and 1, without them',
    valid: value => value > -1 && value < 1,
  },
}
