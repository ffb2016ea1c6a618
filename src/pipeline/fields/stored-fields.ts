/** Requests as JSON keeps them: in the record of a file and in tasks; and the files that they name. */
import type { JsonValue } from '../../media/record.ts'
import {
  type FieldName,
  fieldEntries,
  type GeneratePlan,
  type GenerateRequest,
  type RequestFields,
} from './request-fields.ts'

/** What a file keeps of a plan: all that has an effect, under the names of the request's fields. */
export function storedFields(plan: GeneratePlan, fields: RequestFields): Readonly<Record<string, JsonValue>> {
  const entries = fieldEntries(fields).flatMap(([name, { stored, planned = name }]) => {
    if (stored === false || (planned === false && !stored)) return []
    const value = stored ? stored(plan) : plan[planned as keyof GeneratePlan]
    return value === undefined ? [] : [[name, typeof value === 'bigint' ? String(value) : value]]
  })
  return Object.fromEntries(entries) as Record<string, JsonValue>
}

/** The request of fields as JSON holds them, in the record of a file or in a task. What is wrong is left to the check. */
export function requestFromJson(
  json: Readonly<Record<string, JsonValue | undefined>>,
  fields: RequestFields,
): GenerateRequest {
  const entries = Object.entries(json).map(([name, value]) => {
    const { fromJson } = fields[name as FieldName] ?? {}
    return [name, fromJson && value !== undefined ? fromJson(value) : value]
  })
  return Object.fromEntries(entries) as GenerateRequest
}

/** The request, or its JSON, with other paths for the files that it names. */
export function withPaths<Request extends object>(
  request: Request,
  fields: RequestFields,
  change: (path: string) => string,
): Request {
  const entries = Object.entries(request).map(([name, value]) => {
    return [name, fields[name as FieldName]?.files ? changed(value, change) : value]
  })
  return Object.fromEntries(entries) as Request
}

function changed(value: unknown, change: (path: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map(each => changed(each, change))
  if (typeof value !== 'object' || value === null || !('path' in value)) return value
  return { ...value, path: changed(value.path, change) }
}
