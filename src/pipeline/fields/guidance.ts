import { RequestError } from '../../errors.ts'
import {
  type GuidanceMethod,
  type GuidanceMethodName,
  guidanceMethod,
  guidanceMethodNames,
} from '../../sampling/guidance-method.ts'
import { choice, decimal, interval, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface GuidanceFields {
  /**
   * How strongly the prompt is followed, from 0 to 100; 1 is off, and then a step needs one run of the network instead
   * of two.
   * @default the model's
   */
  readonly guidance?: number | undefined
  /**
   * Guidance of the low-noise expert, from 0 to 100, for checkpoints with two experts.
   * @default that of the first expert
   */
  readonly guidance2?: number | undefined
  /**
   * Share of the steps in which guidance is on: from where to where, each from 0 to 1.
   * @default [0, 1]
   */
  readonly guidanceInterval?: readonly [number, number] | undefined
  /**
   * Strength of guidance rescale (Lin et al. 2023), which keeps the contrast of the conditional prediction, from 0
   * (off) to 1.
   * @default 0
   */
  readonly guidanceRescale?: number | undefined
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

export interface GuidancePlan {
  readonly guidance: number
  readonly guidance2: number
  readonly guidanceInterval: readonly [number, number]
  readonly guidanceRescale: number
  readonly guidanceMethod: GuidanceMethod
}

export const guidanceFields: FieldGroup<GuidanceFields, GuidancePlan> = {
  guidance: {
    about: 'how strongly the prompt is followed; 1 is off',
    schema: z => z.number().min(0).max(100),
    default: ({ defaults }) => defaults.guidance,
    flag: { name: '--guidance', argument: '<g>', group: 'video', type: decimal },
    api: { name: 'guidanceScale' },
  },
  guidance2: {
    about: 'guidance of the second expert, for models with two',
    schema: z => z.number().min(0).max(100),
    resolve: (value, { fields, facts }) => value ?? fields.guidance ?? facts.defaults.guidance,
    check: (_, { experts }) => checkExperts(experts),
    needsGuidance: () => true,
    stored: ({ guidance, guidance2 }) => (guidance2 === guidance ? undefined : guidance2),
    flag: { name: '--guidance-2', argument: '<g>', group: 'video', type: decimal },
    api: { name: 'guidanceScale2' },
  },
  guidanceMethod: {
    about: `${guidanceMethodNames.join(', ')} (default: cfg)`,
    schema: z => z.enum(guidanceMethodNames),
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
  guidanceInterval: {
    about: 'share of the steps that have guidance (default: 0,1)',
    schema: z => z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]),
    default: [0, 1],
    needsGuidance: () => true,
    stored: ({ guidanceInterval: [from, to] }) => (from === 0 && to === 1 ? undefined : [from, to]),
    flag: { name: '--guidance-interval', argument: '<from,to>', group: 'finer', type: interval },
    api: { name: 'guidanceInterval' },
  },
  guidanceRescale: {
    about: 'how far guidance keeps the contrast, 0 (default: off) to 1',
    schema: z => z.number().min(0).max(1),
    default: 0,
    needsGuidance: () => true,
    stored: ({ guidanceRescale }) => guidanceRescale || undefined,
    flag: { name: '--guidance-rescale', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'guidanceRescale' },
  },
  zeroInitSteps: {
    about: 'cfg-zero-star: first steps that change nothing (default: 1)',
    schema: z => z.int().min(0).max(1000),
    planned: false,
    stored: ({ guidanceMethod: method }) =>
      method.name === 'cfg-zero-star' ? method.zeroInitSteps : undefined,
    flag: { name: '--zero-init-steps', argument: '<n>', group: 'finer', type: wholeNumber },
    api: { name: 'zeroInitSteps' },
  },
  apgEta: {
    about: 'apg: guidance along the prompt that is kept, 0 (default) to 1',
    schema: z => z.number().min(0).max(1),
    planned: false,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.eta : undefined),
    flag: { name: '--apg-eta', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'apgEta' },
  },
  apgNormThreshold: {
    about: 'apg: cuts guidance to a length (default: 0, no cut)',
    schema: z => z.number().min(0),
    planned: false,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.normThreshold : undefined),
    flag: { name: '--apg-norm-threshold', argument: '<norm>', group: 'finer', type: decimal },
    api: { name: 'apgNormThreshold' },
  },
  apgMomentum: {
    about: 'apg: weight of the steps before (default: 0)',
    schema: z => z.number().gt(-1).lt(1),
    planned: false,
    needsGuidance: () => true,
    stored: ({ guidanceMethod: method }) => (method.name === 'apg' ? method.momentum : undefined),
    flag: { name: '--apg-momentum', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'apgMomentum' },
  },
}

function checkExperts(experts: readonly unknown[]): void {
  if (experts.length > 1) return
  throw new RequestError('request/unsupported', {
    subject: 'guidance2',
    expected: 'a checkpoint with two experts',
    got: 'one with a single transformer',
    advice: 'Use guidance alone.',
  })
}
