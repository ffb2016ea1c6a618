import { z } from 'zod'
import { extensionFields, type Loras, loraField, loraScale } from '../generation-fields.ts'
import { type HttpError, plainIssues } from '../http/http-error.ts'
import { parseJson } from '../http/parse-json.ts'

/** Forms carry text alone: a number may come as its digits. */
function numeric<T extends z.ZodType<number, number>>(schema: T) {
  const digits = z
    .string()
    .trim()
    .regex(/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i, {
      error: ({ input }) => `Expected a number, got ${JSON.stringify(String(input).slice(0, 40))}.`,
    })
    .transform(Number)
  return z.union([z.number(), digits]).pipe(schema)
}

const sizeField = z.string().regex(/^[1-9]\d{1,4}x[1-9]\d{1,4}$/, 'Expected <width>x<height> in pixels')

/** JSON in a field of a form, as vLLM-Omni sends it, or the object itself. */
export function jsonField<T extends z.ZodType>(schema: T) {
  const text = z.string().transform((value, context) => {
    try {
      return parseJson(value)
    } catch (error) {
      const { details } = error as HttpError
      context.addIssue({ code: 'custom', message: details.issues?.[0]?.message ?? 'Expected JSON' })
      return z.NEVER
    }
  })
  return z.union([text.pipe(schema), schema])
}

/** A field that may come in a form. */
function formField(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodNumber) return numeric(schema)
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return schema
  // A list of a form is one of texts, as name[].
  return z.union([
    jsonField(schema),
    z.array(numeric(z.number())).pipe(schema as z.ZodType<unknown, number[]>),
  ])
}

/** A picture or video by its address. Those that are sent otherwise elsewhere are told how here. */
function reference<const T extends 'image_url' | 'video_url'>(name: T, what: string) {
  const fileId = z.undefined({
    error: `No files are kept to be named by an id: expected ${name}, an address or a data URI, or the ${what} as a file.`,
  })
  const address = z.string({
    error: ({ input }) => {
      const got =
        input === undefined ? 'none' : Array.isArray(input) ? 'a list' : `a value of type ${typeof input}`
      return `Expected an address or a data URI as text, got ${got}.`
    },
  })
  return z.object({ file_id: fileId.optional(), [name]: address.min(1) } as {
    file_id: z.ZodOptional<typeof fileId>
  } & Record<T, z.ZodString>)
}

const imageReference = reference('image_url', 'picture')
const videoReference = reference('video_url', 'video')

/** An adapter of the operator: in a form, its scale is a text. */
const adapter = loraField.extend({ scale: numeric(loraScale).default(1) })

const loraAliases = {
  name: ['name', 'lora_name', 'adapter'],
  scale: ['scale', 'lora_scale'],
  path: ['path', 'lora_path', 'local_path'],
} as const

/** An adapter in the names that vLLM-Omni takes. */
const omniLora = z.record(z.string(), z.unknown()).transform((given, context): Loras[number] => {
  const of = (names: readonly string[]) =>
    names.find(name => given[name] !== undefined && given[name] !== null)
  const fail = (field: string, message: string) => {
    context.addIssue({ code: 'custom', path: [field], message })
    return z.NEVER
  }
  const path = of(loraAliases.path)
  if (path)
    return fail(path, 'Requests cannot bring files: expected the name of an adapter of this server alone.')
  const [name, scale] = [of(loraAliases.name), of(loraAliases.scale)]
  const parsed = adapter.safeParse({ name: name && given[name], scale: scale && given[scale] })
  if (parsed.success) return parsed.data
  const { path: where, message } = plainIssues(parsed.error.issues)[0]!
  return fail((where[0] === 'scale' ? scale : name) ?? 'name', message)
})

/**
 * What can be said of a video: fields of OpenAI's videos API, and those that SGLang and vLLM-Omni add to it. Others have no
 * effect, and are noticed.
 */
export const createBody = z.object({
  /** Needed where there is no picture and no video. */
  prompt: z.string().min(1).max(32_000).optional(),
  model: z.string().max(256).optional(),
  seconds: numeric(z.number().positive().max(600)).optional(),
  size: sizeField.optional(),
  input_reference: z.union([z.string().min(1), imageReference]).optional(),
  image_reference: jsonField(imageReference).optional(),
  /** Ours: the last frame. */
  last_image_reference: jsonField(imageReference).optional(),
  video_reference: jsonField(videoReference).optional(),
  reference_url: z.string().min(1).optional(),
  image_url: z.string().min(1).optional(),
  video_url: z.string().min(1).optional(),
  n: numeric(z.literal(1)).optional(),
  num_outputs_per_prompt: numeric(z.literal(1)).optional(),
  seed: numeric(z.int().min(0)).optional(),
  ...extensionFields('underscores', formField),
  /** Ours: adapters of the operator, by name. */
  loras: jsonField(z.array(adapter).max(8)).optional(),
  /** Of vLLM-Omni: one of them, or a list. */
  lora: jsonField(z.union([omniLora, z.array(omniLora).max(8)])).optional(),
  /** Ours. */
  strength: numeric(z.number().gt(0).max(1)).optional(),
  webhook_url: z.url().max(2048).optional(),
  /** Whom the client asks for, as vLLM-Omni takes it: of no effect. */
  user: z.string().optional(),
})

export type CreateBody = z.infer<typeof createBody>

const extra = z.record(z.string(), z.unknown())

const extraNames = ['extra_body', 'extra_params']

/** A body with what `extra_body` and `extra_params` hold put beside the rest, and without what is empty. */
export function flatBody(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  const fields = body as Record<string, unknown>
  const rest = { ...fields }
  const extras = extraNames.flatMap(name => {
    const parsed = jsonField(extra).safeParse(fields[name])
    if (typeof fields[name] === 'string' && !parsed.success) parseJson(fields[name])
    if (!parsed.success) return []
    delete rest[name]
    return [parsed.data]
  })
  const all = Object.assign({}, ...extras, rest) as Record<string, unknown>
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== ''))
}
