/** The fields of a request that only LTX-Video has a use for. */
import { decimal } from '../../src/pipeline/fields/argument-types.ts'
import type { FieldGroup } from '../../src/pipeline/fields/field.ts'
import type { PicturePlan } from '../../src/pipeline/fields/pictures.ts'
import { seedRecord } from '../../src/pipeline/fields/sampling.ts'

export interface LtxFields {
  /**
   * Noise that fully held pictures are given at every step, from 0 to 1.
   * @default 0.15
   */
  readonly imageNoiseScale?: number | undefined
  /**
   * Timestep that the decoder is conditioned on, from 0 to 1, for models whose decoder takes one.
   * @default 0
   */
  readonly decodeTimestep?: number | undefined
  /**
   * Share of noise that the latents are mixed with before they are decoded, from 0 to 1, for models that take it.
   * @default the decode timestep
   */
  readonly decodeNoiseScale?: number | undefined
  /**
   * Seed of the noise that some decoders inject, from 0 to 2^64 − 1, for models that take it.
   * @default that of the request
   */
  readonly decodeSeed?: number | bigint | undefined
}

export interface LtxPlan {
  /** Undefined for models that do not take it. */
  readonly imageNoiseScale: number | undefined
  readonly decodeTimestep: number | undefined
  readonly decodeNoiseScale: number | undefined
  readonly decodeSeed: bigint | undefined
}

declare module '../../src/pipeline/fields/request-fields.ts' {
  interface FamilyFields extends LtxFields {}
  interface FamilyPlan extends LtxPlan {}
}

/** diffusers' `image_cond_noise_scale`. */
const defaultImageNoiseScale = 0.15

export const ltxFields: FieldGroup<LtxFields, LtxPlan & PicturePlan> = {
  imageNoiseScale: {
    about: 'noise on given pictures, for models that take it (default: 0.15)',
    schema: z => z.number().min(0).max(1),
    optIn: true,
    default: defaultImageNoiseScale,
    stored: ({ image, keyframes, imageNoiseScale }) =>
      image === undefined && keyframes.length === 0 ? undefined : imageNoiseScale,
    flag: { name: '--image-noise-scale', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'imageNoiseScale' },
  },
  decodeSeed: {
    ...seedRecord,
    about: 'seed of noise in the decoder (default: the seed)',
    optIn: true,
    resolve: value => (value === undefined ? undefined : BigInt(value)),
    flag: { name: '--decode-seed', argument: '<n>', group: 'finer', type: seedRecord.type },
  },
  decodeTimestep: {
    about: 'timestep of the decoder, for models that take it',
    schema: z => z.number().min(0).max(1),
    optIn: true,
    flag: { name: '--decode-timestep', argument: '<t>', group: 'finer', type: decimal },
    api: { name: 'decodeTimestep' },
  },
  decodeNoiseScale: {
    about: 'noise before decoding, for models that take it',
    schema: z => z.number().min(0).max(1),
    optIn: true,
    flag: { name: '--decode-noise-scale', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'decodeNoiseScale' },
  },
}
