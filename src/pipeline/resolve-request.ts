/** What a request leaves open, answered: by the pictures and clips that it names, then by the model. */
import { RequestError } from '../errors.ts'
import { nearestShape, sizeLike } from '../geometry/nearest-size.ts'
import { framesForSeconds, framesWithin } from '../geometry/video-geometry.ts'
import { framesAtRate } from '../media/at-rate.ts'
import type { MediaFacts } from '../media/probe.ts'
import { dropNotices, type Notify } from '../notices.ts'
import { noticeCut, noticeUsualLength } from './clip-notices.ts'
import type { GeneratePlan, GenerateRequest } from './fields/request-fields.ts'
import type { RequestFacts } from './model-facts.ts'
import { modeNames } from './modes.ts'
import { type PlanContext, planRequest } from './request.ts'
import { noticeLength } from './request-notices.ts'

/** Says what a picture or clip is. */
export type Probe = (path: string) => Promise<MediaFacts>

/**
 * Checks a request, then answers every question that it leaves open. Time is time and shape is shape: a picture or clip
 * gives the video its shape, and a clip to work from its length, at the model's frame rate. What the request says itself
 * wins.
 * @throws what `planRequest` throws, before any file is looked at; MediaError for a file that cannot be read
 */
export async function resolveRequest(
  request: GenerateRequest,
  facts: RequestFacts,
  probe: Probe,
  context: PlanContext,
): Promise<GeneratePlan> {
  try {
    planRequest(request, facts, { ...context, notify: dropNotices })
  } catch (error) {
    if (error instanceof RequestError && error.code === 'request/unsupported') {
      await refusePicture(request, facts, probe)
    }
    throw error
  }
  const source = shapingInput(request)
  if (source === undefined) return planRequest(request, facts, context)
  const media = await probe(source)
  const { notify = dropNotices } = context
  const answers = { ...shapeOf(request, facts, media), ...lengthOf(request, facts, media, notify) }
  const plan = planRequest({ ...request, ...answers }, facts, context)
  if ('frames' in answers) noticeLength(request, plan, notify)
  return plan
}

/**
 * What a model cannot do with a video it may be able to do with a picture: one in the place of a video is said first.
 * @throws RequestError
 */
async function refusePicture(
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
  throw new RequestError('request/invalid', {
    subject: `video ${video}`,
    expected: 'a video, or a folder of pictures',
    got: 'a picture',
    advice: `Of a picture this checkpoint can make ${uses.join(', ') || 'nothing'}.`,
  })
}

/** The file whose shape the video takes: what it goes on or starts from, else its earliest picture. */
export function shapingInput({
  extend,
  video,
  image,
  keyframes = [],
  lastImage,
}: Partial<GenerateRequest>): string | undefined {
  const [first] = keyframes.toSorted((a, b) => a.frame - b.frame)
  return extend ?? video ?? image ?? first?.path ?? lastImage
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
