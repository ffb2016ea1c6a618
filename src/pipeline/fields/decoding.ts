import { wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface DecodingFields {
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
  readonly chunk: number
  readonly tensors: boolean
}

export const decodingFields: FieldGroup<DecodingFields, DecodingPlan> = {
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
