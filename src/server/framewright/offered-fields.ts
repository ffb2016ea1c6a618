import { z } from 'zod'
import { requestFields } from '../../api/request-fields.ts'
import type { JsonObject } from '../../jobs/task.ts'
import { fieldsFor } from '../../pipeline/fields/fields-for.ts'
import { fieldEntries } from '../../pipeline/fields/request-fields.ts'
import type { RequestFacts } from '../../pipeline/model-facts.ts'
import type { AssetKind } from '../assets/asset-limits.ts'
import { invalidBody, plainIssues } from '../http/http-error.ts'
import type { FieldView } from './contract.ts'

/** What only somebody at the machine may say: files that are no pictures, and what is for debugging. */
const unoffered = ['latents', 'upsampler', 'chunk', 'tensors']

/** What may be in the files of a request. */
export const fileKinds: Readonly<Record<string, AssetKind | 'either'>> = {
  image: 'image',
  lastImage: 'image',
  keyframes: 'either',
  video: 'video',
  mask: 'either',
  references: 'image',
  extend: 'video',
}

const entries = fieldEntries(requestFields).filter(([name]) => !unoffered.includes(name))

/** What a body may hold: files are taken where it is said what they are, and elsewhere no text is a path. */
function offeredSchema([name, { schema, files, api }]: (typeof entries)[number]): z.ZodType {
  return files && !Object.hasOwn(fileKinds, name) ? (api?.schema?.(z) ?? z.never()) : schema(z)
}

/** The engine's own fields as a body has them: seeds may be decimal text. */
const requestSchema = z.strictObject(
  Object.fromEntries(
    entries.map(entry => {
      const [name, { fromJson }] = entry
      const own = offeredSchema(entry)
      return [name, (fromJson ? z.preprocess(value => fromJson(value as never), own) : own).optional()]
    }),
  ),
)

/**
 * Checks a request in the engine's own names.
 * @returns it as it was sent, seeds as text
 * @throws HttpError 400 with the fields
 */
export function checkedRequest(request: Readonly<Record<string, unknown>>): JsonObject {
  const parsed = requestSchema.safeParse(request)
  if (!parsed.success) {
    throw invalidBody(
      plainIssues(parsed.error.issues).map(issue => ({ ...issue, path: ['request', ...issue.path] })),
    )
  }
  const sent = Object.entries(request).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    sent.map(([name, value]) => [name, name === 'seed' ? String(value) : value]),
  ) as JsonObject
}

/** The path in a body of every field, as errors name it. */
export const nativeNames = Object.fromEntries(entries.map(([name]) => [name, ['request', name]]))

/** What a form for a request is made of. */
export function fieldViews(): readonly FieldView[] {
  return entries.map(entry => {
    const [name, { about, flag, files }] = entry
    const file = fileKinds[name]
    // A flag's line is about its files, which the server does not take everywhere.
    const said = files && !file ? about : (flag?.about ?? about)
    return {
      name,
      about: said,
      ...(flag && { flag: flag.name, group: flag.group }),
      schema: z.toJSONSchema(offeredSchema(entry), {
        io: 'input',
        unrepresentable: 'any',
      }) as unknown as JsonObject,
      ...(file && { file }),
    }
  })
}

/** Names of the fields that a model has a use for. */
export function fieldsOffered(facts: RequestFacts): readonly string[] {
  const taken: ReadonlySet<string> = new Set(fieldsFor(facts, requestFields))
  return entries.flatMap(([name]) => (taken.has(name) ? [name] : []))
}
