import { z } from 'zod'
import { extensionFields, lorasField, seedField } from '../generation-fields.ts'
import { invalidField } from '../http/http-error.ts'
import type { Size } from '../models/served-model.ts'
import type { VideoModel } from './models.ts'

const uri = z.string().min(1)

/** Extensions of ours, beside what is Runway's. */
const extensions = {
  ...extensionFields('camel'),
  /** Adapters of the operator, by name, that the model runs with. */
  loras: lorasField.optional(),
  /** Where the end of the task is announced. */
  webhookUrl: z.url().max(2048).optional(),
}

/** Accepted and of no effect: nothing is moderated here. */
const contentModeration = z.object({ publicFigureThreshold: z.enum(['auto', 'low']).optional() }).optional()

const anyRatio = z.string().regex(/^[1-9]\d{0,4}:[1-9]\d{0,4}$/, 'Expected width:height in pixels')

const promptField = z.string().min(1).max(1000)

/** Fields that text and pictures have in common, for one model of the API. */
function fieldsOf({ ratios, duration }: VideoModel) {
  const seconds = z.literal([...duration.values])
  return {
    model: z.string(),
    ratio: z.enum(ratios as [string, ...string[]]),
    duration: duration.fallback === undefined ? seconds : seconds.default(duration.fallback),
    seed: seedField.optional(),
    contentModeration,
    ...extensions,
  }
}

/** A model of this server's own names: any ratio, any length. */
const ownFields = {
  model: z.string(),
  ratio: anyRatio.optional(),
  duration: z.number().positive().max(600).optional(),
  seed: seedField.optional(),
  contentModeration,
  ...extensions,
}

const promptText = { promptText: promptField }
const ownPrompt = { promptText: z.string().min(1).max(10_000) }

export function textToVideoBody(model: VideoModel | undefined) {
  return model ? z.object({ ...fieldsOf(model), ...promptText }) : z.object({ ...ownFields, ...ownPrompt })
}

const positions = z
  .array(z.object({ uri, position: z.enum(['first', 'last']) }))
  .min(1)
  .max(2)

const promptImage = { promptImage: z.union([uri, positions]) }

export function imageToVideoBody(model: VideoModel | undefined) {
  if (!model) return z.object({ ...ownFields, ...promptImage, promptText: ownPrompt.promptText.optional() })
  const prompt = model.prompt === 'required' ? promptField : promptField.optional()
  return z.object({ ...fieldsOf(model), ...promptImage, promptText: prompt })
}

export const videoToVideoBody = z.object({
  model: z.string(),
  videoUri: uri,
  promptText: ownPrompt.promptText.optional(),
  ratio: anyRatio.optional(),
  seed: seedField.optional(),
  references: z
    .array(z.object({ type: z.literal('image'), uri }))
    .max(4)
    .optional(),
  contentModeration,
  /** Ours: how far the result may go from the video, from 0 to 1. */
  strength: z.number().gt(0).max(1).optional(),
  ...extensions,
})

export type ImageToVideoBody = z.infer<ReturnType<typeof imageToVideoBody>>

/** The first and the last frame. @throws HttpError 400 for two of one position, or a last one alone */
export function imagesOf({ promptImage }: Pick<ImageToVideoBody, 'promptImage'>): {
  first: { uri: string; field: PropertyKey[] }
  last: { uri: string; field: PropertyKey[] } | undefined
} {
  if (typeof promptImage === 'string') {
    return { first: { uri: promptImage, field: ['promptImage'] }, last: undefined }
  }
  const at = (position: 'first' | 'last') => {
    const found = promptImage.flatMap((each, index) => (each.position === position ? [{ each, index }] : []))
    if (found.length > 1) {
      throw invalidField(['promptImage', found[1]!.index, 'position'], `There can be one ${position} frame.`)
    }
    const [one] = found
    return one && { uri: one.each.uri, field: ['promptImage', one.index, 'uri'] }
  }
  const [first, last] = [at('first'), at('last')]
  if (!first) throw invalidField(['promptImage'], 'A last frame needs a first one.')
  return { first, last }
}

/** The pixels that a ratio names. */
export function sizeOf(ratio: string | undefined): Size | undefined {
  if (ratio === undefined) return undefined
  const [width, height] = ratio.split(':').map(Number) as [number, number]
  return { width, height }
}
