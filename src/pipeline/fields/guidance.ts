import { RequestError } from '../../errors.ts'
import { type ArgumentType, decimal, decimalList, interval } from './argument-types.ts'
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
}

export interface GuidancePlan {
  /** By expert; the last one stands for those after it. */
  readonly guidance: readonly number[]
  readonly guidanceInterval: readonly [number, number]
  readonly guidanceRescale: number
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
}

function scale(z: Zod) {
  return z.number().min(0).max(100)
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
