import {
  classifierFree,
  type GuidanceMethod,
  type GuidanceMethodName,
  guidanceMethod,
  guidanceMethodNames,
} from '../../sampling/guidance-method.ts'
import { choice, decimal, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface GuidanceMethodFields {
  /**
   * How the conditional and the unconditional velocity are combined: classifier-free guidance `cfg`, `cfg-zero-star`
   * (Fan et al. 2025) or adaptive projected guidance `apg` (Sadat et al. 2024).
   * @default 'cfg'
   */
  readonly guidanceMethod?: GuidanceMethodName | undefined
  /**
   * With `cfg-zero-star`: first steps of the schedule that leave the latents as they are, from 0 to 1000.
   * @default 1
   */
  readonly zeroInitSteps?: number | undefined
  /**
   * With `apg`: share that is kept of the guidance parallel to the conditional velocity, from 0 to 1 (all).
   * @default 0
   */
  readonly apgEta?: number | undefined
  /**
   * With `apg`: L2 norm, over all latents, that the difference between the velocities is cut to, from 0 (no cut).
   * @default 0
   */
  readonly apgNormThreshold?: number | undefined
  /**
   * With `apg`: weight of the differences of the steps before, between −1 and 1, without them.
   * @default -0.5
   */
  readonly apgMomentum?: number | undefined
}

export interface GuidanceMethodPlan {
  readonly guidanceMethod: GuidanceMethod
}

export const guidanceMethodFields: FieldGroup<GuidanceMethodFields, GuidanceMethodPlan> = {
  guidanceMethod: {
    about: `${guidanceMethodNames.join(', ')} (default: cfg)`,
    schema: z => z.enum(guidanceMethodNames),
    default: classifierFree,
    resolve: (name, { fields }) => guidanceMethod(name, fields),
    // CFG-Zero* keeps its first steps.
    needsGuidance: ({ guidanceMethod: { name } }) => name === 'apg',
    stored: ({ guidanceMethod: { name } }) => (name === 'cfg' ? undefined : name),
    flag: {
      name: '--guidance-method',
      argument: '<name>',
      group: 'finer',
      type: choice(guidanceMethodNames),
    },
    api: { name: 'guidanceMethod' },
  },
  zeroInitSteps: {
    about: 'cfg-zero-star: first steps that change nothing (default: 1)',
    schema: z => z.int().min(0).max(1000),
    planned: false,
    check: checkMethod,
    stored: ({ guidanceMethod: method }) =>
      method.name === 'cfg-zero-star' ? method.zeroInitSteps : undefined,
    flag: { name: '--zero-init-steps', argument: '<n>', group: 'finer', type: wholeNumber },
    api: { name: 'zeroInitSteps' },
  },
  apgEta: {
    about: 'apg: guidance along the prompt that is kept, 0 (default) to 1',
    schema: z => z.number().min(0).max(1),
    planned: false,
    check: checkMethod,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.eta : undefined),
    flag: { name: '--apg-eta', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'apgEta' },
  },
  apgNormThreshold: {
    about: 'apg: cuts guidance to a length (default: 0, no cut)',
    schema: z => z.number().min(0),
    planned: false,
    check: checkMethod,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.normThreshold : undefined),
    flag: { name: '--apg-norm-threshold', argument: '<norm>', group: 'finer', type: decimal },
    api: { name: 'apgNormThreshold' },
  },
  apgMomentum: {
    about: 'apg: weight of the steps before (default: 0)',
    schema: z => z.number().gt(-1).lt(1),
    planned: false,
    check: checkMethod,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.momentum : undefined),
    flag: { name: '--apg-momentum', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'apgMomentum' },
  },
}

/** A parameter goes with the method that it is of. @throws RequestError */
function checkMethod(fields: GuidanceMethodFields): void {
  guidanceMethod(fields.guidanceMethod, fields)
}
