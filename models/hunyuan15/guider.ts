/** Guidance as a checkpoint has it, in a component of its own (diffusers `guiders/classifier_free_guidance.py`). */
import { z } from 'zod'
import type { Defaults } from '../../src/pipeline/family.ts'
import type { Guidance } from '../../src/sampling/guidance.ts'
import { checkConfig } from '../../src/weights/read-config.ts'

const fraction = z.number().min(0).max(1)

/** The fields of diffusers' `ClassifierFreeGuidance`; missing ones have that class's defaults. */
const guiderConfig = z
  .object({
    _class_name: z
      .literal('ClassifierFreeGuidance', 'a guider of another class than ClassifierFreeGuidance')
      .default('ClassifierFreeGuidance'),
    guidance_scale: z.number().min(0).max(100).default(7.5),
    guidance_rescale: fraction.default(0),
    use_original_formulation: z.boolean().default(false),
    start: fraction.default(0),
    stop: fraction.default(1),
    enabled: z.boolean().default(true),
  })
  .refine(({ start, stop }) => start <= stop, { path: ['stop'], message: 'less than start' })

export interface Guider {
  /** What a request has that does not say otherwise. */
  readonly defaults: Required<Pick<Defaults, 'guidance' | 'guidanceInterval' | 'guidanceRescale'>>
  /** The guidance of a run, for a request's. */
  guide(asked: Guidance): Guidance
}

/** Of the published checkpoints that are not distilled. */
const published = { guidance_scale: 6 }

/**
 * Reads guider_config.json; without one, guidance is that of the published checkpoints.
 * @throws CheckpointError for a guider of another class, or with a value out of range
 */
export function readGuider(config: unknown, file: string): Guider {
  const options = checkConfig(guiderConfig, config ?? published, file)
  // conditional + s · (conditional − unconditional) is the usual form at s + 1.
  const offset = options.use_original_formulation ? 1 : 0
  return {
    defaults: {
      guidance: options.enabled ? options.guidance_scale : 1 - offset,
      guidanceInterval: [options.start, options.stop],
      guidanceRescale: options.guidance_rescale,
    },
    guide: asked => ({ ...asked, scale: asked.scale + offset }),
  }
}
