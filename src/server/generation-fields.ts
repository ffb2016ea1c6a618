import { z } from 'zod'
import { requestFields } from '../api/request-fields.ts'
import { fieldEntries, type GenerateRequest } from '../pipeline/fields/request-fields.ts'

/** Seeds of Runway's API; ours go further, but clients keep them in 32 bits. */
export const seedField = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

/** Names are the operator's: a request cannot bring a file. */
export const loraScale = z.number().min(-10).max(10)
export const loraField = z.object({ name: z.string().min(1).max(64), scale: loraScale.default(1) })
export const lorasField = z.array(loraField).max(8)

export type Loras = z.infer<typeof lorasField>

/** How an API writes names: `numFrames`, `num_frames`. */
export type Naming = 'camel' | 'underscores'

interface OfferedField {
  readonly field: keyof GenerateRequest
  readonly name: string
  readonly about: string
  readonly schema: z.ZodType
}

/** The fields of the engine's requests that the APIs take beside their own: extensions of ours. */
export const offeredFields: readonly OfferedField[] = fieldEntries(requestFields).flatMap(
  ([field, { api, schema, about }]) =>
    api ? [{ field, name: api.name, about, schema: (api.schema ?? schema)(z) }] : [],
)

/**
 * What a request of an API may say beyond it.
 * @param read how a value comes in: forms have text alone
 */
export function extensionFields(
  naming: Naming,
  read: (schema: z.ZodType) => z.ZodType = schema => schema,
): object {
  return Object.fromEntries(
    offeredFields.map(({ name, schema, about }) => [
      named(name, naming),
      read(schema).describe(about).optional(),
    ]),
  )
}

/** What a body says in those fields, as the engine names them. */
export function extensionsOf(body: object, naming: Naming): Partial<GenerateRequest> {
  const values = body as Readonly<Record<string, unknown>>
  const entries = offeredFields.map(({ field, name }) => [field, values[named(name, naming)]] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** How an API calls a field of the engine. */
export function apiName(field: string, naming: Naming): string {
  return named(offeredFields.find(each => each.field === field)?.name ?? field, naming)
}

/** What a request calls fields of the engine, where it is not what `apiName` says. */
export type FieldNames = Readonly<Record<string, readonly PropertyKey[]>>

/**
 * Where a request says what an error of the engine is about.
 * @param subject such as `frames`, `references[1]`, or `request` for all of it
 */
export function clientPath(subject: string, naming: Naming, fields: FieldNames): readonly PropertyKey[] {
  const [, field = subject, rest = ''] = /^(\w+)((?:\[\d+\]|\.\w+)*)$/.exec(subject) ?? []
  if (field === 'request') return []
  const inner = [...rest.matchAll(/\[(\d+)\]|\.(\w+)/g)].map(([, index, name]) => name ?? Number(index))
  return [...(fields[field] ?? [apiName(field, naming)]), ...inner]
}

function named(name: string, naming: Naming): string {
  return naming === 'camel' ? name : name.replace(/[A-Z]|\d+/g, part => `_${part.toLowerCase()}`)
}
