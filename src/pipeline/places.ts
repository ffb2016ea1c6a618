/** Where the pictures of a request stand. */
import { invalidRequest } from '../errors.ts'
import { latentStart } from '../geometry/video-geometry.ts'
import type { GeneratePlan } from './fields/request-fields.ts'
import type { RequestFacts } from './model-facts.ts'

/**
 * Counts keyframes before frame 0 from the end: -1 is where the last frame stands.
 * @throws RequestError `request/invalid` for one before the beginning
 */
export function withPlacedKeyframes(plan: GeneratePlan, facts: RequestFacts): GeneratePlan {
  if (plan.keyframes.every(({ frame }) => frame >= 0)) return plan
  const keyframes = plan.keyframes.map(each => ({ ...each, frame: placeOf(each.frame, plan, facts) }))
  return { ...plan, keyframes }
}

/**
 * Checks that no two pictures are given for one frame.
 * @throws RequestError `request/invalid`
 */
export function checkPlaces(plan: GeneratePlan, facts: RequestFacts): void {
  const { image, lastImage, keyframes } = plan
  const places = [
    ...(image === undefined ? [] : [{ name: 'image', frame: 0 }]),
    ...(lastImage === undefined ? [] : [{ name: 'lastImage', frame: placeOf(-1, plan, facts) }]),
    ...keyframes.map(({ frame, path }) => ({ name: `keyframe ${frame}:${path}`, frame })),
  ]
  for (const [index, { name, frame }] of places.entries()) {
    const before = places.slice(0, index).find(each => each.frame === frame)
    if (before === undefined) continue
    throw invalidRequest(name, `no other picture for frame ${frame}`, before.name, 'Leave one of them out.')
  }
}

function placeOf(
  frame: number,
  { frames }: Pick<GeneratePlan, 'frames'>,
  { geometry, countedFromEnd = 'frames' }: Pick<RequestFacts, 'geometry' | 'countedFromEnd'>,
): number {
  if (frame >= 0) return frame
  const place = frames + frame
  if (place < 0) {
    const expected = `a frame from ${-frames} to ${frames - 1}`
    throw invalidRequest('keyframe', expected, frame)
  }
  return countedFromEnd === 'latents' ? latentStart(geometry, place) : place
}
