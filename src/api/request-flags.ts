import type { FieldFlag } from '../pipeline/fields/field.ts'
import { fieldEntries } from '../pipeline/fields/request-fields.ts'
import { requestFields } from './request-fields.ts'

/** A flag of a request's field. */
export interface RequestFlag extends FieldFlag<unknown> {
  readonly about: string
  /** The fields that it gives: several as an object of their values. */
  readonly fields: readonly string[]
}

/** The flags of all fields, in the order in which they are shown. */
export const requestFlags: readonly RequestFlag[] = fieldEntries(requestFields).flatMap(
  ([name, { flag, about }]) => (flag ? [{ about, fields: [name], ...flag }] : []),
)

/** `--no-audio` of `--audio`. */
export function negatedName(name: string): string {
  return name.replace('--', '--no-')
}
