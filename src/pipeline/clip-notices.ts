import type { Notify } from '../notices.ts'
import type { GeneratePlan } from './fields/request-fields.ts'

/** Shapes that differ by no more than this share are not worth a word: sizes are multiples of a stride. */
const shapeTolerance = 0.03

/** Rates that differ by no more than this share play alike: 23.976 and 24. */
const rateTolerance = 0.005

interface Source {
  readonly width: number
  readonly height: number
  /** Frames per second that it stores. */
  readonly sourceFps?: number | undefined
  /** Whether its pictures are shown for different times. */
  readonly variable?: boolean
}

/**
 * Notices what becomes of a picture or clip that is not like the video to be made.
 * @param plan where `fit` says whether its edges are cut
 */
export function noticeFit(
  path: string,
  source: Source,
  plan: Pick<GeneratePlan, 'width' | 'height' | 'fps' | 'fit'>,
  notify: Notify,
): void {
  const size = `${source.width}x${source.height}`
  const ratio = (source.width * plan.height) / (source.height * plan.width)
  if (Math.abs(Math.log(ratio)) > shapeTolerance) {
    const made = `${plan.width}x${plan.height}, which has another shape`
    if (plan.fit === 'crop') notify('picture/cropped', `${path}: the edges of ${size} are cut for ${made}.`)
    else notify('picture/stretched', `${path}: ${size} is stretched to ${made}.`)
  }
  const { sourceFps, variable } = source
  if (sourceFps === undefined || (!variable && Math.abs(sourceFps / plan.fps - 1) <= rateTolerance)) return
  const rate = variable ? 'a variable rate' : `${sourceFps} fps`
  notify('clip/retimed', `${path}: frames of ${rate} are resampled by their times to ${plan.fps} fps.`)
}

/** Notices that a clip has more frames than are used. */
export function noticeCut(path: string, used: number, notify: Notify): void {
  notify('clip/cut', `${path}: only its first ${used} frames are used, as many as the video has room for.`)
}

/** Notices that a clip is longer than the model is meant for. */
export function noticeUsualLength(path: string, frames: number, fps: number, notify: Notify): void {
  const used = `only its first ${frames} frames at ${fps} fps are used`
  notify('clip/cut', `${path}: ${used}, the model's usual length. Ask for more with frames or seconds.`)
}
