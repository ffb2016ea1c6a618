import { z } from 'zod'
import { samplerNames } from '../sampling/samplers/sampler.ts'

/** Seeds of Runway's API; ours go further, but clients keep them in 32 bits. */
export const seedField = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

/** Names are the operator's: a request cannot bring a file. */
export const lorasField = z
  .array(z.object({ name: z.string().min(1).max(64), scale: z.number().min(-10).max(10).default(1) }))
  .max(8)

/**
 * What a request may say beyond the APIs that it is made in: extensions of ours, named as their fields are. All of
 * them go to the engine as they are.
 */
export const extensionFields = z.object({
  /** Frames to make, instead of a duration. */
  numFrames: z.int().min(1).max(10_000).optional(),
  fps: z.number().positive().max(240).optional(),
  width: z.int().min(1).max(16_384).optional(),
  height: z.int().min(1).max(16_384).optional(),
  numInferenceSteps: z.int().min(1).max(1000).optional(),
  guidanceScale: z.number().min(0).max(100).optional(),
  guidanceScale2: z.number().min(0).max(100).optional(),
  negativePrompt: z.string().max(10_000).optional(),
  flowShift: z.number().positive().max(100).optional(),
  sampler: z.enum(samplerNames).optional(),
  stepCache: z.number().min(0).max(1).optional(),
  /** Adapters of the operator, by name, that the model runs with. */
  loras: lorasField.optional(),
  /** Where the end of the task is announced. */
  webhookUrl: z.url().max(2048).optional(),
})

export type ExtensionFields = z.infer<typeof extensionFields>
