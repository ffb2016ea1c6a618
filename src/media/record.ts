import { MediaError, messageOf } from '../errors.ts'

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/**
 * How a clip was made: enough to make it again. It is stored inside every file that the package writes.
 * Further fields may be added by whoever makes the record; they are kept as they are.
 */
export interface GenerationRecord {
  readonly prompt: string
  readonly negativePrompt?: string
  /** 0 … 2^64 − 1 in decimal: a JSON number could not hold it. */
  readonly seed: string
  readonly model: string
  /** Left out: the one that the checkpoint's scheduler config names. */
  readonly sampler?: string
  readonly steps: number
  /** A list has one for each network that shares the steps. */
  readonly guidance: number | readonly number[]
  readonly shift?: number
  /** Pixels, as generated: a file with an upscaled picture keeps the size before upscaling here. */
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
  /** Version of the package that made the clip. */
  readonly version: string
  readonly [extra: string]: JsonValue | undefined
}

/** The text that is stored: JSON under one key of ours, so that the comments of other programs are told apart. */
export function recordToText(record: GenerationRecord): string {
  return JSON.stringify({ framewright: record })
}

/**
 * The record in a comment of a file.
 * @returns undefined when the comment is not one of ours
 * @throws MediaError when it is ours and a field is missing or has the wrong type
 */
export async function recordFromText(
  text: string | undefined,
  path: string,
): Promise<GenerationRecord | undefined> {
  const stored = ownValue(text)
  if (stored === undefined) return undefined
  const { z } = await import('zod')
  const result = z
    .looseObject({
      prompt: z.string(),
      negativePrompt: z.string().optional(),
      seed: z.string().regex(/^\d{1,20}$/),
      model: z.string(),
      sampler: z.string().optional(),
      steps: z.number(),
      guidance: z.union([z.number(), z.array(z.number())]),
      shift: z.number().optional(),
      width: z.number(),
      height: z.number(),
      frames: z.number(),
      fps: z.number(),
      version: z.string(),
    })
    .safeParse(stored)
  if (result.success) return result.data as GenerationRecord
  const issue = result.error.issues[0]
  throw new MediaError('media/input', {
    subject: path,
    expected: 'a complete generation record in its metadata',
    got: `a damaged one (${issue?.path.join('.')}: ${issue?.message ?? messageOf(result.error)})`,
    advice: 'The pictures can still be read; the settings that made them cannot.',
  })
}

function ownValue(text: string | undefined): unknown {
  if (text === undefined || !text.trimStart().startsWith('{')) return undefined
  try {
    return (JSON.parse(text) as { framewright?: unknown }).framewright
  } catch {
    return undefined
  }
}
