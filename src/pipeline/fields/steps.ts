import { RequestError } from '../../errors.ts'
import type { JsonValue } from '../../media/record.ts'
import { type SamplerName, samplerNames } from '../../sampling/samplers/sampler.ts'
import { choice, decimal, seed, wholeNumber } from './argument-types.ts'
import type { FieldContext, FieldGroup, Zod } from './field.ts'
import type { LevelFields } from './levels.ts'

const seedLimit = 2n ** 64n
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
   * Of models with two networks: the noise level, from 0 to 1, at and above which the first one runs, as diffusers'
   * `boundary_ratio`. At 0 it runs all steps.
   * @default the checkpoint's
   */
  readonly boundary?: number | undefined
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
  /** Undefined: the checkpoint's. */
  readonly boundary: number | undefined
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
  boundary: {
    about: 'noise level at which the second expert takes over, 0 to 1 (default: the model’s)',
    schema: z => z.number().min(0).max(1),
    appliesTo: ({ experts }) => experts.length > 1,
    check(_, { experts }) {
      if (experts.length === 1) throw oneExpert()
    },
    flag: { name: '--boundary', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'boundary' },
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

function oneExpert(): RequestError {
  return new RequestError('request/unsupported', {
    subject: 'boundary',
    expected: 'a checkpoint with two experts',
    got: 'one with a single transformer',
    advice: 'Leave it out.',
  })
}
