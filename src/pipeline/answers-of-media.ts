/** What a request leaves open, answered by the pictures and clips that it names. */
import { invalidRequest } from '../errors.ts'
import { nearestShape, sizeLike } from '../geometry/nearest-size.ts'
import { framesForSeconds, framesWithin } from '../geometry/video-geometry.ts'
import { framesAtRate } from '../media/at-rate.ts'
import type { MediaFacts } from '../media/probe.ts'
import type { Notify } from '../notices.ts'
import { noticeCut, noticeUsualLength } from './clip-notices.ts'
import type { GenerateRequest } from './fields/request-fields.ts'
import type { RequestFacts } from './model-facts.ts'
import { modeNames } from './model-facts.ts'

/** Says what a picture or clip is. */
export type Probe = (path: string) => Promise<MediaFacts>

/**
 * What a model cannot do with a video it may be able to do with a picture: one in the place of a video is said first.
 * @throws RequestError
 */
export async function refusePicture(
  { video }: GenerateRequest,
  { modes }: RequestFacts,
  probe: Probe,
): Promise<void> {
  if (video === undefined) return
  // What the model cannot do is the answer for a file that cannot be read, too.
  const media = await probe(video).catch(() => undefined)
  if (media?.kind !== 'picture') return
  const picturesOf = ['image', 'last-image', 'keyframes', 'references'] as const
  const uses = picturesOf.filter(mode => modes.includes(mode)).map(mode => modeNames[mode])
  throw invalidRequest(
    `video ${video}`,
    'a video, or a folder of pictures',
    'a picture',
    `Of a picture this checkpoint can make ${uses.join(', ') || 'nothing'}.`,
  )
}

/** The answers of a file: the shape of the video, and of a clip to work from its length, at the model's frame rate. */
export function answersOf(
  request: GenerateRequest,
  facts: RequestFacts,
  media: MediaFacts,
  notify: Notify,
): Partial<GenerateRequest> {
  return { ...shapeOf(request, facts, media), ...lengthOf(request, facts, media, notify) }
}

/** The size of a video that is made of a picture or clip; a size of its own is not cut to. */
function shapeOf(
  { width, height, fit }: GenerateRequest,
  { geometry, defaults, coveredSizes }: RequestFacts,
  media: MediaFacts,
): Pick<GenerateRequest, 'width' | 'height' | 'fit'> {
  const sized = width !== undefined && height !== undefined
  if (coveredSizes && width === undefined && height === undefined) {
    return { ...nearestShape(coveredSizes, media), fit: fit ?? 'crop' }
  }
  const size = sizeLike(geometry, media, defaults.width * defaults.height, { width, height })
  return { ...size, fit: fit ?? (sized && !coveredSizes ? 'stretch' : 'crop') }
}

/**
 * The length of a clip that is worked from, at the video's rate, cut to one that the model can make. Unless the request
 * says a length, that is at most the longest that the model is meant for: hours of a clip are not planned for.
 */
function lengthOf(
  { video, extend, frames, seconds, fps: asked }: GenerateRequest,
  facts: RequestFacts,
  media: MediaFacts,
  notify: Notify,
): Pick<GenerateRequest, 'frames' | 'seconds'> {
  if (video === undefined || extend !== undefined || frames !== undefined) return {}
  const { geometry, defaults } = facts
  const fps = asked ?? defaults.fps
  const given = framesOf(media, fps)
  const most = framesWithin(geometry, given)
  if (seconds !== undefined) {
    // A length that the clip has is not rounded to one that it has not.
    const within = seconds * fps < given + 0.5
    if (!within) return {}
    return { frames: Math.min(framesForSeconds(geometry, seconds, fps), most), seconds: undefined }
  }
  const usual = usualFrames(facts)
  if (most > usual) noticeUsualLength(video, usual, fps, notify)
  else if (most < given) noticeCut(video, most, notify)
  return { frames: Math.min(most, usual) }
}

/** The longest video that the model is meant to make: of those it was trained at, else the one it makes unless asked. */
function usualFrames({ geometry, defaults, trained }: RequestFacts): number {
  return framesWithin(geometry, Math.max(...(trained?.frames ?? []), defaults.frames))
}

/** Frames of a clip at a rate; pictures without times are frames. */
function framesOf({ fps, durationSeconds, pictureCount }: MediaFacts, rate: number): number {
  return fps === undefined ? pictureCount : framesAtRate(durationSeconds ?? pictureCount / fps, rate)
}
