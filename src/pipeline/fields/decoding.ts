import { decimal, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'
import { seedRecord } from './seed-record.ts'

export interface DecodingFields {
  /**
   * Timestep that the decoder is told, from 0 to 1, for models whose decoder is conditioned on it.
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
  /**
   * Latent frames that are decoded at a time, from 1: fewer need less memory and more time.
   * @default 4
   */
  readonly chunk?: number | undefined
  /**
   * Whether events carry the tensors of every stage, for comparisons with other implementations.
   * @default false
   */
  readonly tensors?: boolean | undefined
}

export interface DecodingPlan {
  readonly decodeTimestep: number | undefined
  readonly decodeNoiseScale: number | undefined
  readonly decodeSeed: bigint | undefined
  readonly chunk: number
  readonly tensors: boolean
}

export const decodingFields: FieldGroup<DecodingFields, DecodingPlan> = {
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
  chunk: {
    about: 'latent frames decoded at a time (default: 4)',
    schema: z => z.int().positive(),
    default: 4,
    stored: false,
    flag: { name: '--chunk', argument: '<n>', group: 'machine', type: wholeNumber },
  },
  tensors: {
    about: 'whether events carry the tensors of every stage',
    schema: z => z.boolean(),
    default: false,
    stored: false,
  },
}
