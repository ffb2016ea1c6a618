import { familyFields } from '../../models/fields.ts'
import { requestFieldsOf } from '../pipeline/fields/request-fields.ts'

// Brings the types of the families' fields to whoever imports the declarations.
export type {} from '../../models/fields.ts'

/** Every field that a request may have: those of all models and those of the families. */
export const requestFields = requestFieldsOf(familyFields)
