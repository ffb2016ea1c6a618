/** What Lightricks write about a model into the header of its files (`config`, as JSON). */
import { z } from 'zod'
import type { PartTensors } from '../../src/pipeline/family.ts'

const section = z.record(z.string(), z.unknown())

const headerConfig = z.looseObject({
  transformer: section.optional(),
  vae: section.optional(),
  audio_vae: z
    .looseObject({
      model: z.looseObject({ params: z.looseObject({ ddconfig: section.optional() }).optional() }).optional(),
      preprocessing: z.looseObject({ stft: section.optional() }).optional(),
    })
    .optional(),
  vocoder: section.and(z.looseObject({ vocoder: section.optional(), bwe: section.optional() })).optional(),
})

export type HeaderConfig = z.infer<typeof headerConfig>

/** A header without a config, as GGUF and repacked files have, says nothing: sizes are then counted, and the rest is that of the published models. */
export function headerConfigOf({ metadata }: PartTensors['file']): HeaderConfig {
  const text = metadata.get('config')
  if (text === undefined) return {}
  try {
    const { success, data } = headerConfig.safeParse(JSON.parse(text))
    return success ? data : {}
  } catch {
    return {}
  }
}

/** The fields of a section under the names of diffusers' configs; those that it has not are left out. */
export function renamed(
  fields: Readonly<Record<string, unknown>> | undefined,
  names: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const found = Object.entries(names).flatMap(([theirs, ours]) => {
    const value = fields?.[theirs]
    return value === undefined || value === null ? [] : [[ours, value] as const]
  })
  return Object.fromEntries(found)
}
