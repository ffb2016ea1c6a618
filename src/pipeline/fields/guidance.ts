import { RequestError } from '../../errors.ts'
import {
  classifierFree,
  type GuidanceMethod,
  type GuidanceMethodName,
  guidanceMethod,
  guidanceMethodNames,
} from '../../sampling/guidance-method.ts'
import { type ArgumentType, choice, decimal, decimalList, interval, wholeNumber } from './argument-types.ts'
import type { FieldGroup, Zod } from './field.ts'

export interface GuidanceFields {
  /**
   * How strongly the prompt is followed, from 0 to 100; 1 is off, and then a step needs one run of the network instead
   * of two. A list has a number for each of the networks that share the steps; the last one stands for those after it.
   * @default the model's
   */
  readonly guidance?: number | readonly number[] | undefined
  /**
   * Short for the second number of `guidance`, where that is one number, from 0 to 100.
   * @default that of the first expert
   */
  readonly guidance2?: number | undefined
  /**
   * Share of the steps in which guidance is on: from where to where, each from 0 to 1.
   * @default the model's, [0, 1] for most
   */
  readonly guidanceInterval?: readonly [number, number] | undefined
  /**
   * Strength of guidance rescale (Lin et al. 2023), which keeps the contrast of the conditional prediction, from 0
   * (off) to 1.
   * @default the model's, 0 for most
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
  /** By expert; the last one stands for those after it. */
  readonly guidance: readonly number[]
  readonly guidanceInterval: readonly [number, number]
  readonly guidanceRescale: number
  readonly guidanceMethod: GuidanceMethod
}

const numberOrList: ArgumentType<number | readonly number[]> = {
  ...decimalList,
  read(word, refuse) {
    const list = [decimalList.read(word, refuse)].flat()
    return list.length === 1 ? list[0]! : list
  },
}

export const guidanceFields: FieldGroup<GuidanceFields, GuidancePlan> = {
  guidance: {
    about: 'how strongly the prompt is followed; 1 is off',
    schema: z => z.union([scale(z), z.array(scale(z)).min(1)]),
    resolve: (value, { fields: { guidance2 }, facts }) => {
      const list = [value ?? facts.defaults.guidance].flat()
      return guidance2 === undefined || guidance2 === list[0] ? list : [list[0]!, guidance2]
    },
    check: ({ guidance }, { experts }) => checkCount([guidance ?? []].flat().length, experts.length),
    stored: ({ guidance }) => (guidance.length === 1 ? guidance[0]! : guidance),
    flag: { name: '--guidance', argument: '<g>', group: 'video', type: numberOrList },
    api: { name: 'guidanceScale', schema: scale },
  },
  guidance2: {
    about: 'guidance of the second expert, for models with two',
    schema: scale,
    planned: false,
    appliesTo: ({ experts }) => experts.length > 1,
    check: ({ guidance }, { experts }) => checkShort(guidance, experts.length),
    needsGuidance: () => true,
    flag: { name: '--guidance-2', argument: '<g>', group: 'video', type: decimal },
    api: { name: 'guidanceScale2' },
  },
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
  guidanceInterval: {
    about: 'share of the steps that have guidance (default: 0,1)',
    schema: z => z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]),
    default: ({ defaults }) => defaults.guidanceInterval ?? [0, 1],
    needsGuidance: () => true,
    stored: ({ guidanceInterval: [from, to] }) => (from === 0 && to === 1 ? undefined : [from, to]),
    flag: { name: '--guidance-interval', argument: '<from,to>', group: 'finer', type: interval },
    api: { name: 'guidanceInterval' },
  },
  guidanceRescale: {
    about: 'how far guidance keeps the contrast, 0 (off) to 1 (default: the model’s)',
    schema: z => z.number().min(0).max(1),
    default: ({ defaults }) => defaults.guidanceRescale ?? 0,
    needsGuidance: () => true,
    flag: { name: '--guidance-rescale', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'guidanceRescale' },
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

function scale(z: Zod) {
  return z.number().min(0).max(100)
}

/** A parameter goes with the method that it is of. @throws RequestError */
function checkMethod(fields: GuidanceFields): void {
  guidanceMethod(fields.guidanceMethod, fields)
}

function checkCount(count: number, experts: number): void {
  if (count <= experts) return
  throw new RequestError('request/unsupported', {
    subject: 'guidance',
    expected:
      experts === 1 ? 'one number for this checkpoint' : `up to ${experts} numbers for this checkpoint`,
    got: String(count),
  })
}

function checkShort(guidance: GuidanceFields['guidance'], experts: number): void {
  if (typeof guidance === 'object') {
    throw new RequestError('request/invalid', {
      subject: 'guidance2',
      expected: 'guidance of one number beside it',
      got: `a list of ${guidance.length}`,
      advice: 'Put its number into the list.',
    })
  }
  if (experts > 1) return
  throw new RequestError('request/unsupported', {
    subject: 'guidance2',
    expected: 'a checkpoint with two experts',
    got: 'one with a single transformer',
    advice: 'Use guidance alone.',
  })
}
