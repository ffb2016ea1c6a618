import { invalidRequest } from '../../errors.ts'
import { text, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface DecodingFields {
  /**
   * The folder or file of a latent upsampler, for models that take it: the finished latents are enlarged with it and decoded at
   * twice the width and height. Not with `extend`.
   * @default none
   */
  readonly upsampler?: string | undefined
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
  readonly upsampler: string | undefined
  readonly chunk: number
  readonly tensors: boolean
}

export const decodingFields: FieldGroup<DecodingFields, DecodingPlan> = {
  upsampler: {
    about: 'folder or file of a latent upsampler: twice the width and height, for models that take it',
    schema: z => z.string().min(1),
    optIn: true,
    check(fields) {
      if ((fields as { readonly extend?: string }).extend === undefined) return
      const advice = 'Give one of them.'
      throw invalidRequest('upsampler', 'no extend beside it', 'both', advice)
    },
    flag: { name: '--upsampler', argument: '<folder|file>', group: 'finer', type: text },
    files: true,
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
