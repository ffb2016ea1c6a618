import type { RequestFacts } from '../model-facts.ts'
import {
  type AnyField,
  type FieldName,
  fieldEntries,
  isOptedFor,
  type RequestFields,
} from './request-fields.ts'

/** Names of the fields that a model has a use for. */
export function fieldsFor(facts: RequestFacts, fields: RequestFields): readonly FieldName[] {
  const applies = ({ appliesTo, mode }: AnyField) => {
    return appliesTo?.(facts) ?? (typeof mode !== 'string' || facts.modes.includes(mode))
  }
  return fieldEntries(fields).flatMap(([name, field]) =>
    isOptedFor(name, field, facts) && applies(field) ? [name] : [],
  )
}
