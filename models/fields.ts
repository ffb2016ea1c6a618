/**
 * The fields that families add to requests. The help of the command line reads them without loading a network: a family that
 * has some has a line here beside that in `index.ts`. A test compares the two.
 */
import type { FieldRecords } from '../src/pipeline/fields/request-fields.ts'
import { ltxFields } from './ltx/fields.ts'
import { ltx2Fields } from './ltx2/fields.ts'
import { wanFields } from './wan/fields.ts'

export type {} from './ltx/fields.ts'
export type {} from './ltx2/fields.ts'
export type {} from './wan/fields.ts'

export const familyFields: readonly FieldRecords[] = [wanFields, ltxFields, ltx2Fields]
