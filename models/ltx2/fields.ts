/** The fields of a request that only LTX-2 has a use for. */
import {
  type ArgumentType,
  choice,
  decimal,
  numbers,
  wholeNumber,
} from '../../src/pipeline/fields/argument-types.ts'
import { alone } from '../../src/pipeline/fields/control.ts'
import type { DecodingFields } from '../../src/pipeline/fields/decoding.ts'
import type { FieldGroup, Zod } from '../../src/pipeline/fields/field.ts'
import { seedRecord } from '../../src/pipeline/fields/sampling.ts'
import { checkSpacing } from '../../src/sampling/schedules/noise-levels.ts'

export interface Ltx2Fields {
  /**
   * How strongly the sound follows the prompt, from 0 to 100; 1 is off, 0 stands for that of the video.
   * @default 7
   */
  readonly audioGuidance?: number | undefined
  /**
   * Guidance rescale of the sound, from 0 to 1; 0 stands for that of the video.
   * @default 0.7
   */
  readonly audioGuidanceRescale?: number | undefined
  /**
   * Spatio-temporal skip guidance (Hyung et al. 2024): how strongly the video is led away from what the network makes when
   * some blocks attend to nothing, from 0 (off) to 100.
   * @default 1
   */
  readonly stgScale?: number | undefined
  /**
   * Spatio-temporal skip guidance of the sound, from 0 to 100; 0 stands for that of the video.
   * @default 1
   */
  readonly audioStgScale?: number | undefined
  /**
   * Blocks that spatio-temporal skip guidance perturbs, from 0; those that the network does not have are no error.
   * @default [28]
   */
  readonly stgBlocks?: readonly number[] | undefined
  /**
   * How strongly the video is led away from what the network makes when it does not hear the sound, from 0 to 100; 1 is off.
   * @default 3
   */
  readonly modalityGuidance?: number | undefined
  /**
   * How strongly the sound is led away from what the network makes when it does not see the video, from 0 to 100; 1 is off, 0
   * stands for that of the video.
   * @default 3
   */
  readonly audioModalityGuidance?: number | undefined
  /**
   * Whether each stream's attention to the other is modulated by the other's noise level, as in 2.3, or by its own, as 2.0 was
   * trained.
   * @default true
   */
  readonly useCrossTimestep?: boolean | undefined
  /**
   * Strength of the compression that a given picture goes through first, as pictures did in training: H.264's constant rate
   * factor, from 1 to 51, or 0 for none.
   * @default 33, of LTX-2.5 18
   */
  readonly imageCrf?: number | undefined
  /**
   * Tokens that the shift of the schedule is made for: the makers' own code always takes 4096.
   * @default those of the video
   */
  readonly shiftTokens?: number | undefined
  /**
   * With `upsampler`: noise levels of a second stage at twice the width and height, falling, above 0 to 1, without the last
   * 0. It has no guidance.
   * @default none
   */
  readonly stage2Sigmas?: readonly number[] | undefined
  /**
   * With `stage2Sigmas`: seed of the second stage's noise, from 0 to 2^64 − 1.
   * @default the noise goes on from the first stage
   */
  readonly stage2Seed?: number | bigint | undefined
}

export interface Ltx2Plan {
  /** Undefined for models that do not take it, as all of these. */
  readonly audioGuidance: number | undefined
  readonly audioGuidanceRescale: number | undefined
  readonly stgScale: number | undefined
  readonly audioStgScale: number | undefined
  readonly stgBlocks: readonly number[] | undefined
  readonly modalityGuidance: number | undefined
  readonly audioModalityGuidance: number | undefined
  readonly useCrossTimestep: boolean | undefined
  readonly imageCrf: number | undefined
  readonly shiftTokens: number | undefined
  readonly stage2Sigmas: readonly number[] | undefined
  readonly stage2Seed: bigint | undefined
}

declare module '../../src/pipeline/fields/request-fields.ts' {
  interface FamilyFields extends Ltx2Fields {}
  interface FamilyPlan extends Ltx2Plan {}
}

const yesOrNo: ArgumentType<boolean> = {
  read: (word, refuse) => choice(['true', 'false']).read(word, refuse) === 'true',
  write: value => [String(value)],
}

const scale = (z: Zod) => z.number().min(0).max(100)
const share = (z: Zod) => z.number().min(0).max(1)

/** A number with a flag and a name in the APIs. */
function amount(about: string, flag: `--${string}`, name: string, schema: typeof scale, value: number) {
  return {
    about: `${about} (default: ${value})`,
    schema,
    optIn: true,
    default: value,
    flag: { name: flag, argument: '<g>', group: 'finer', type: decimal },
    api: { name },
  } as const
}

export const ltx2Fields: FieldGroup<Ltx2Fields, Ltx2Plan> = {
  audioGuidance: {
    ...amount('guidance of the sound; 0: as the video', '--audio-guidance', 'audioGuidanceScale', scale, 7),
    guides: ({ audioGuidance = 1 }) => audioGuidance > 1,
  },
  audioGuidanceRescale: amount(
    'guidance rescale of the sound; 0: as the video',
    '--audio-guidance-rescale',
    'audioGuidanceRescale',
    share,
    0.7,
  ),
  stgScale: {
    ...amount('spatio-temporal skip guidance; 0 is off', '--stg-scale', 'stgScale', scale, 1),
    guides: ({ stgScale = 0 }) => stgScale > 0,
  },
  audioStgScale: {
    ...amount('that of the sound; 0: as the video', '--audio-stg-scale', 'audioStgScale', scale, 1),
    guides: ({ audioStgScale = 0 }) => audioStgScale > 0,
  },
  stgBlocks: {
    about: 'blocks that skip guidance perturbs (default: 28)',
    schema: z => z.array(z.int().nonnegative()).min(1),
    optIn: true,
    default: [28],
    flag: { name: '--stg-blocks', argument: '<i,j>', group: 'finer', type: numbers },
    api: { name: 'stgBlocks' },
  },
  modalityGuidance: {
    ...amount(
      'how far sound and picture fit each other; 1 is off',
      '--modality-guidance',
      'modalityGuidanceScale',
      scale,
      3,
    ),
    guides: ({ modalityGuidance = 1 }) => modalityGuidance > 1,
  },
  audioModalityGuidance: {
    ...amount(
      'that of the sound; 0: as the video',
      '--audio-modality-guidance',
      'audioModalityGuidanceScale',
      scale,
      3,
    ),
    guides: ({ audioModalityGuidance = 1 }) => audioModalityGuidance > 1,
  },
  useCrossTimestep: {
    about: 'true (default), or false for the time modulation of 2.0',
    schema: z => z.boolean(),
    optIn: true,
    default: true,
    flag: { name: '--use-cross-timestep', argument: '<true|false>', group: 'finer', type: yesOrNo },
    api: { name: 'useCrossTimestep' },
  },
  imageCrf: {
    about: 'compression of given pictures, 1 to 51, 0 for none (default: 33, of LTX-2.5 18)',
    schema: z => z.int().min(0).max(51),
    optIn: true,
    default: ({ defaults }) => defaults.pictureCrf ?? 33,
    flag: { name: '--image-crf', argument: '<n>', group: 'pictures', type: wholeNumber },
    api: { name: 'imageCrf' },
  },
  shiftTokens: {
    about: 'tokens that the schedule is shifted for, such as 4096 (default: the video’s)',
    schema: z => z.int().positive(),
    optIn: true,
    flag: { name: '--shift-tokens', argument: '<n>', group: 'finer', type: wholeNumber },
    api: { name: 'shiftTokens' },
  },
  stage2Sigmas: {
    about: 'noise levels of a second stage after the upsampler: 0.909375,0.725,0.421875',
    schema: z => z.array(z.number()).min(1).max(1000),
    optIn: true,
    check(fields: Ltx2Fields & DecodingFields) {
      if (fields.upsampler === undefined) throw alone('stage2Sigmas', 'an upsampler')
      checkSpacing({ sigmas: fields.stage2Sigmas! }, 1000)
    },
    flag: { name: '--stage-2-sigmas', argument: '<s,s,…>', group: 'finer', type: numbers },
  },
  stage2Seed: {
    ...seedRecord,
    about: 'seed of the second stage (default: its noise goes on)',
    optIn: true,
    resolve: value => (value === undefined ? undefined : BigInt(value)),
    check({ stage2Sigmas }) {
      if (stage2Sigmas === undefined) throw alone('stage2Seed', 'stage2Sigmas')
    },
    flag: { name: '--stage-2-seed', argument: '<n>', group: 'finer', type: seedRecord.type },
  },
}
