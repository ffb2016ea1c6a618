import { z } from 'zod'
import type { Trained } from '../pipeline/trained.ts'

/** The file that says what was exported into a folder. */
export const exportManifestName = 'framewright-export.json'

export const trainedSchema: z.ZodType<Trained> = z
  .strictObject({
    sizes: z.array(z.string().regex(/^\d+x\d+$/, '<width>x<height>')),
    frames: z.array(z.int().positive()),
    words: z.array(z.string()),
    subject: z.string(),
    presets: z.array(z.string()),
  })
  .partial()

export const exportManifest = z.object({
  format: z.literal(1),
  index: z.record(z.string(), z.unknown()),
  components: z.record(z.string(), z.unknown()),
  defaults: z.record(z.string(), z.unknown()),
  trained: trainedSchema.optional(),
  precision: z.enum(['f32', 'f16', 'bf16']),
  /** Of a model of single files: where the file, or the files, with a component's weights are, relative to the folder. */
  weights: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
  graphs: z.array(z.object({ name: z.string(), file: z.string(), weightBytes: z.number() })),
})

export type ExportManifest = z.infer<typeof exportManifest>
