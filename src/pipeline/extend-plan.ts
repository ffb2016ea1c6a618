import { invalidRequest, RequestError } from '../errors.ts'
import { framesFor, wholeLatents } from '../geometry/video-geometry.ts'
import type { RequestFacts } from './model-facts.ts'

/** How a clip is continued. */
export interface ExtendPlan {
  readonly path: string
  /** Frames of a window: of what the model makes at a time. */
  readonly window: number
  /** Frames that a window begins with, which were there before. */
  readonly overlap: number
  /** What a window is shown of them: all, or the last one. */
  readonly opening: Opening
}

export type Opening = 'clip' | 'picture'

/** Fields that say what a clip shows and where: the clip to go on from does. */
const others = ['image', 'lastImage', 'keyframes', 'video', 'mask', 'references'] as const

interface Fields extends Partial<Record<(typeof others)[number], unknown>> {
  readonly extend?: string | undefined
  readonly window?: number | undefined
  readonly overlap?: number | undefined
  readonly frames?: number | undefined
  readonly seconds?: number | undefined
}

/** What this model's clips can begin with; undefined where they cannot begin with anything that is given. */
export function openingOf({
  modes,
  requires,
}: Pick<RequestFacts, 'modes' | 'requires'>): Opening | undefined {
  if (requires.some(mode => mode !== 'image')) return undefined
  if (modes.includes('keyframes')) return 'clip'
  return modes.includes('image') ? 'picture' : undefined
}

/**
 * The windows of a request that extends a clip; undefined for one that does not. Unless given they are as long as the
 * model's clips are, and overlap by two latent frames, or by a picture.
 * @throws RequestError for lengths that the model cannot make, and fields that go with `extend` and stand alone
 */
export function planExtension(fields: Fields, facts: RequestFacts): ExtendPlan | undefined {
  const { extend: path } = fields
  if (path === undefined) {
    const alone = (['window', 'overlap'] as const).find(name => fields[name] !== undefined)
    if (alone === undefined) return undefined
    throw invalidRequest(alone, 'extend beside it', 'none')
  }
  const other = others.find(name => fields[name] !== undefined)
  if (other !== undefined) {
    const advice = 'Make the continuation as a clip of its own to direct it further.'
    throw invalidRequest(other, 'no extend beside it', path, advice)
  }
  const opening = openingOf(facts) ?? 'picture' // what cannot do it is refused as a mode
  const twoLatents = 1 + facts.geometry.temporalStride
  const window = fields.window ?? facts.defaults.frames
  const overlap = fields.overlap ?? (opening === 'clip' ? twoLatents : 1)
  checkLength('window', window, facts)
  checkLength('overlap', overlap, facts)
  if (opening === 'picture' && overlap !== 1) {
    const expected = '1 frame: this model begins with a picture'
    throw new RequestError('request/unsupported', { subject: 'overlap', expected, got: String(overlap) })
  }
  if (overlap < window) return { path, window, overlap, opening }
  throw invalidRequest('overlap', `less than the window of ${window} frames`, overlap)
}

/** Frames that are added to the clip. */
export function addedFrames(
  { frames, seconds }: Fields,
  { window, overlap }: ExtendPlan,
  fps: number,
): number {
  if (frames !== undefined) return frames
  return seconds === undefined ? window - overlap : Math.max(1, Math.round(seconds * fps))
}

function checkLength(subject: string, frames: number, { geometry }: RequestFacts): void {
  const above = framesFor(geometry, frames)
  if (above === frames) return
  const below = (wholeLatents(geometry, frames) - 1) * geometry.temporalStride + 1
  throw new RequestError('request/size', {
    subject,
    expected: `${geometry.temporalStride}k + 1 frames for this model`,
    got: String(frames),
    advice: `Use ${below} or ${above}.`,
  })
}
