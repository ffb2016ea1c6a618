/** How the latents are denoised: steps and their solver, and guidance. */
import type { JsonValue } from '../../media/record.ts'
import type { Notify } from '../../notices.ts'
import { type SamplerName, samplerNames } from '../../sampling/samplers/sampler.ts'
import { choice, decimal, decimalList, interval, seed, seedLimit, wholeNumber } from './argument-types.ts'
import { checkCount, type ExpertFields, scale } from './experts.ts'
import type { FieldContext, FieldGroup, Zod } from './field.ts'
import type { LevelFields } from './levels.ts'

const expected = 'a whole number from 0 to 2^64 - 1'

/** What fields that are seeds have in common. JSON has no 64-bit numbers: there they are decimal text. */
export const seedRecord = {
  schema: (z: Zod) =>
    z
      .union([z.int().nonnegative(), z.bigint().nonnegative()], expected)
      .transform(BigInt)
      .refine(value => value < seedLimit, expected),
  fromJson: (json: JsonValue) =>
    (typeof json === 'string' && /^\d+$/.test(json) ? BigInt(json) : json) as number | bigint,
  type: seed,
}

export interface StepFields {
  /**
   * Denoising steps, from 1 to 1000.
   * @default the model's
   */
  readonly steps?: number | undefined
  /**
   * Seed of the noise, from 0 to 2^64 − 1: a request with the same seed makes the same video.
   * @default random, and told in the plan
   */
  readonly seed?: number | bigint | undefined
  /**
   * Solver of the denoising: `unipc`, `euler`, `dpm++2m` or `lcm`.
   * @default the one that the checkpoint's scheduler config names
   */
  readonly sampler?: SamplerName | undefined
  /**
   * Timestep shift of the flow schedule, above 0 to 100: larger values spend more steps on noisy latents.
   * @default the checkpoint's
   */
  readonly shift?: number | undefined
  /**
   * Skips the network in steps where its output is estimated to have changed by less than this share since it last
   * ran (EasyCache, Zhou et al. 2025), from 0 (never) to 1. Its authors use 0.05 for Wan 2.1.
   * @default 0
   */
  readonly stepCache?: number | undefined
}

export interface StepPlan {
  readonly steps: number
  readonly seed: bigint
  /** Undefined: the one that the scheduler config names. */
  readonly sampler: SamplerName | undefined
  /** Undefined: the scheduler config's. */
  readonly shift: number | undefined
  readonly stepCache: number
}

export const stepFields: FieldGroup<StepFields, StepPlan> = {
  steps: {
    about: 'denoising steps (default: the model’s)',
    schema: z => z.int().min(1).max(1000),
    resolve: stepsOf,
    flag: { name: '--steps', argument: '<n>', group: 'video', type: wholeNumber },
    api: { name: 'numInferenceSteps' },
  },
  seed: {
    ...seedRecord,
    about: '0 to 2^64 - 1 (default: random, and printed)',
    resolve: (value, { randomSeed }) => (value === undefined ? randomSeed() : BigInt(value)),
    flag: { name: '--seed', argument: '<n>', group: 'video', type: seedRecord.type },
  },
  sampler: {
    about: samplerNames.join(', '),
    schema: z => z.enum(samplerNames),
    flag: {
      name: '--sampler',
      argument: '<name>',
      group: 'video',
      type: choice(samplerNames, 'Leave it out for the one that the model names.'),
    },
    api: { name: 'sampler' },
  },
  shift: {
    about: 'timestep shift of the schedule',
    schema: z => z.number().positive().max(100),
    flag: { name: '--shift', argument: '<s>', group: 'video', type: decimal },
    api: { name: 'flowShift' },
  },
  stepCache: {
    about: 'skip steps that change less than this, such as 0.05 (default: 0, off)',
    schema: z => z.number().min(0).max(1),
    default: 0,
    stored: ({ stepCache }) => stepCache || undefined,
    flag: { name: '--step-cache', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'stepCache' },
  },
}

/** One for each level that the request names. */
function stepsOf(
  value: number | undefined,
  { fields: { timesteps, sigmas }, facts }: FieldContext<StepFields & LevelFields>,
): number {
  return (timesteps ?? sigmas)?.length ?? value ?? facts.defaults.steps
}

export interface GuidanceFields {
  /**
   * How strongly the prompt is followed, from 0 to 100; 1 is off, and then a step needs one run of the network instead
   * of two. A list has a number for each of the networks that share the steps; the last one stands for those after it.
   * @default the model's
   */
  readonly guidance?: number | readonly number[] | undefined
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

export const guidanceFields: FieldGroup<GuidanceFields, GuidancePlan> = {
  guidance: {
    about: 'how strongly the prompt is followed; 1 is off',
    schema: z => z.union([scale(z), z.array(scale(z)).min(1)]),
    resolve: (value, { fields: { guidance2 }, facts }: FieldContext<GuidanceFields & ExpertFields>) => {
      const list = [value ?? facts.defaults.guidance].flat()
      return guidance2 === undefined || guidance2 === list[0] ? list : [list[0]!, guidance2]
    },
    check: ({ guidance }, { experts }) => checkCount([guidance ?? []].flat().length, experts.length),
    stored: ({ guidance }) => (guidance.length === 1 ? guidance[0]! : guidance),
    flag: { name: '--guidance', argument: '<g>', group: 'video', type: decimalList },
    api: { name: 'guidanceScale', schema: scale },
  },
  guidanceInterval: {
    about: 'share of the steps that have guidance (default: 0,1)',
    schema: z => z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]),
    default: ({ defaults }) => defaults.guidanceInterval ?? [0, 1],
    needsGuidance: () => true,
    notice: noticeInterval,
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

function noticeInterval(
  _: GuidanceFields,
  { guidanceInterval, steps }: GuidancePlan & StepPlan,
  notify: Notify,
): void {
  const [start, end] = guidanceInterval.map(share => share * steps) as [number, number]
  if (Number.isInteger(start) && Number.isInteger(end)) return
  const asked = `${guidanceInterval.join(' to ')} of ${steps} steps`
  const made = `${Math.floor(start)} to ${Math.floor(end)}`
  notify('request/rounded', `guidanceInterval: ${asked} is rounded down to ${made}.`)
}
