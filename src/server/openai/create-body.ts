import { z } from 'zod'
import { extensionFields, lorasField } from '../generation-fields.ts'
import type { HttpError } from '../http/http-error.ts'
import { parseJson } from '../http/parse-json.ts'

/** Forms carry text alone: a number may come as its digits. */
function numeric<T extends z.ZodType<number, number>>(schema: T) {
  const digits = z
    .string()
    .trim()
    .regex(/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i, 'Expected a number')
    .transform(Number)
  return z.union([z.number(), digits]).pipe(schema)
}

const sizeField = z.string().regex(/^[1-9]\d{1,4}x[1-9]\d{1,4}$/, 'Expected <width>x<height> in pixels')

/** JSON in a field of a form, as vLLM-Omni sends it, or the object itself. */
function jsonField<T extends z.ZodType>(schema: T) {
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
  return schema instanceof z.ZodString || schema instanceof z.ZodEnum ? schema : jsonField(schema)
}

const imageReference = z.object({ image_url: z.string().min(1) })
const videoReference = z.object({ video_url: z.string().min(1) })

/**
 * What can be said of a video: fields of OpenAI's videos API, and those that SGLang and vLLM-Omni add to it. Others are
 * ignored, as they do.
 */
export const createBody = z.object({
  prompt: z.string().min(1).max(32_000),
  model: z.string().max(256).optional(),
  seconds: numeric(z.number().positive().max(600)).optional(),
  size: sizeField.optional(),
  input_reference: z.union([z.string().min(1), imageReference]).optional(),
  image_reference: jsonField(imageReference).optional(),
  /** Ours: the last frame. */
  last_image_reference: jsonField(imageReference).optional(),
  video_reference: jsonField(videoReference).optional(),
  reference_url: z.string().min(1).optional(),
  video_url: z.string().min(1).optional(),
  n: numeric(z.literal(1)).optional(),
  num_outputs_per_prompt: numeric(z.literal(1)).optional(),
  seed: numeric(
    z
      .int()
      .min(0)
      .max(2 ** 53 - 1),
  ).optional(),
  ...extensionFields('underscores', formField),
  /** Ours: adapters of the operator, by name. */
  loras: jsonField(lorasField).optional(),
  /** Ours. */
  strength: numeric(z.number().gt(0).max(1)).optional(),
  webhook_url: z.url().max(2048).optional(),
})

export type CreateBody = z.infer<typeof createBody>

const extra = z.record(z.string(), z.unknown())

/** A body with what `extra_body` and `extra_params` hold put beside the rest, and without what is empty. */
export function flatBody(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  const fields = body as Record<string, unknown>
  const extras = ['extra_body', 'extra_params'].flatMap(name => {
    const parsed = jsonField(extra).safeParse(fields[name])
    if (typeof fields[name] === 'string' && !parsed.success) parseJson(fields[name])
    return parsed.success ? [parsed.data] : []
  })
  const all = Object.assign({}, ...extras, fields) as Record<string, unknown>
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== ''))
}
