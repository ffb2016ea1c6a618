import { sizeLike } from '../geometry/nearest-size.ts'
import { framesWithin } from '../geometry/video-geometry.ts'
import { framesAtRate } from '../media/at-rate.ts'
import { type MediaFacts, probeMedia } from '../media/probe.ts'
import type { RequestFacts } from './model-facts.ts'
import type { GenerateRequest } from './request.ts'

type Shape = Pick<GenerateRequest, 'width' | 'height' | 'frames' | 'fit'>

/**
 * The request with the shape of its pictures and the time of its clips, where it does not say otherwise.
 * @throws MediaError for a file that cannot be read
 */
export async function likeInputs(request: GenerateRequest, facts: RequestFacts): Promise<GenerateRequest> {
  const path = shapingInput(request)
  if (typeof path !== 'string') return request
  return { ...request, ...shapeOf(request, facts, await probeMedia(path)) }
}

/** The file whose shape the video takes: what it goes on or starts from, else its earliest picture. */
export function shapingInput({
  extend,
  video,
  image,
  keyframes,
  lastImage,
}: GenerateRequest): string | undefined {
  const [first] = Array.isArray(keyframes) ? keyframes.toSorted((a, b) => a.frame - b.frame) : []
  return extend ?? video ?? image ?? first?.path ?? lastImage
}

/** Size and length of a video that is made of a picture or clip, where the request leaves them open. */
export function shapeOf(request: GenerateRequest, facts: RequestFacts, input: MediaFacts): Shape {
  const { geometry, defaults } = facts
  const asked = { width: request.width, height: request.height }
  const sized = asked.width !== undefined && asked.height !== undefined
  const size = sizeLike(geometry, input, defaults.width * defaults.height, asked)
  return { ...size, fit: request.fit ?? (sized ? 'stretch' : 'crop'), ...framesOf(request, facts, input) }
}

/** A clip that is worked from says how long the result is, up to the model's own length. */
function framesOf(request: GenerateRequest, facts: RequestFacts, input: MediaFacts): Pick<Shape, 'frames'> {
  const { video, extend, frames, seconds, fps = facts.defaults.fps } = request
  if (video === undefined || extend !== undefined) return {}
  if (frames !== undefined || seconds !== undefined) return {}
  const { durationSeconds, pictureCount } = input
  const given = durationSeconds === undefined ? pictureCount : framesAtRate(durationSeconds, fps)
  return { frames: framesWithin(facts.geometry, Math.min(facts.defaults.frames, given)) }
}
