import type { ModelView } from '../../server/framewright/contract.ts'
import type { Placed, Source } from './source.ts'

/** Frames that a model takes pictures at: any, or the ends. */
export function placesOf({ modes }: ModelView, frames: number): 'any' | readonly number[] {
  if (modes.includes('keyframes')) return 'any'
  return [...(modes.includes('image') ? [0] : []), ...(modes.includes('last-image') ? [frames - 1] : [])]
}

/** The fields of a request for pictures at frames: the first and the last have fields of their own. */
export function keyframeFields(
  { modes }: ModelView,
  placed: readonly Placed[],
  frames: number,
  addressOf: (source: Source) => string,
): object {
  const isEnd = (each: Placed, frame: number, mode: 'image' | 'last-image') =>
    each.frame === frame &&
    each.kind === 'image' &&
    modes.includes(mode) &&
    (each.strength === 1 || !modes.includes('keyframes'))
  const first = placed.find(each => isEnd(each, 0, 'image'))
  const last = frames > 1 ? placed.find(each => isEnd(each, frames - 1, 'last-image')) : undefined
  const others = placed.filter(each => each !== first && each !== last)
  return {
    ...(first && { image: addressOf(first) }),
    ...(last && { lastImage: addressOf(last) }),
    ...(others.length > 0 && {
      keyframes: others.map(each => ({
        frame: each.frame,
        path: addressOf(each),
        ...(each.strength !== 1 && { strength: each.strength }),
      })),
    }),
  }
}
