import { requestFields } from '../../api/request-fields.ts'
import { FramewrightError } from '../../errors.ts'
import type { JsonObject } from '../../jobs/task.ts'
import type { MediaFacts } from '../../media/probe.ts'
import { requestFromJson } from '../../pipeline/fields/stored-fields.ts'
import { resolveRequest } from '../../pipeline/request.ts'
import type { ServedModel } from '../models/served-model.ts'

/**
 * Size and length that a video will have which is made of another one, or goes on from it; nothing where that one cannot be
 * used, which its run says.
 */
export async function planOfClip(
  { facts }: ServedModel,
  generate: JsonObject,
  media: MediaFacts,
): Promise<JsonObject> {
  const request = requestFromJson(generate, requestFields)
  const context = { fields: requestFields, randomSeed: () => 0n }
  try {
    const { width, height, frames, fps } = await resolveRequest(request, facts, async () => media, context)
    if (request.extend === undefined) return { width, height, frames, fps }
    if (media.durationSeconds === undefined) return {}
    // What is added, after what there is at the rate that both are shown at.
    return { width, height, frames: Math.round(media.durationSeconds * fps) + frames, fps }
  } catch (error) {
    if (FramewrightError.is(error)) return {}
    throw error
  }
}
