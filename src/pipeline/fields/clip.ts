import { framesForSeconds } from '../../geometry/video-geometry.ts'
import type { Notify } from '../../notices.ts'
import { addedFrames, planExtension } from '../extend-plan.ts'
import { decimal, size, wholeNumber } from './argument-types.ts'
import type { ExtendFields } from './extend.ts'
import type { FieldContext, FieldGroup } from './field.ts'

export interface ClipFields {
  /**
   * Width in pixels: a whole multiple of the model's stride, 16 or 32 in most. A width that does not fit is an error
   * that names the nearest ones that do.
   * @default the model's; with a picture or clip the nearest size of its shape
   */
  readonly width?: number | undefined
  /**
   * Height in pixels: a whole multiple of the model's stride, as `width`.
   * @default the model's; with a picture or clip the nearest size of its shape
   */
  readonly height?: number | undefined
  /**
   * Length in frames: 4k + 1 for most models, 8k + 1 for some. With `extend`, frames that are added to the clip, any
   * number from 1.
   * @default the model's; with `video` as many as it has, cut to a length that the model can make
   */
  readonly frames?: number | undefined
  /**
   * Length in seconds, above 0, instead of `frames`, which win: the nearest length that the model can make. With
   * `extend`, seconds that are added.
   */
  readonly seconds?: number | undefined
  /**
   * Frame rate of the file in frames per second, above 0 to 240.
   * Clips of other rates are resampled by their times.
   * @default the model's
   */
  readonly fps?: number | undefined
}

export interface ClipPlan {
  /** Pixels. */
  readonly width: number
  readonly height: number
  /** Frames to make; with `extend` those that are added. */
  readonly frames: number
  readonly fps: number
}

export const clipFields: FieldGroup<ClipFields, ClipPlan> = {
  width: {
    about: 'width in pixels (default: the model’s)',
    schema: z => z.int().positive(),
    default: ({ defaults }) => defaults.width,
    flag: {
      name: '--size',
      argument: '<WxH>',
      group: 'video',
      type: size,
      fields: ['width', 'height'],
      about: 'width and height in pixels, for example 832x480',
    },
    api: { name: 'width', schema: z => z.int().min(1).max(16_384) },
  },
  height: {
    about: 'height in pixels (default: the model’s)',
    schema: z => z.int().positive(),
    default: ({ defaults }) => defaults.height,
    api: { name: 'height', schema: z => z.int().min(1).max(16_384) },
  },
  frames: {
    about: 'length in frames',
    schema: z => z.int().positive(),
    resolve: framesOf,
    flag: { name: '--frames', argument: '<n>', group: 'video', type: wholeNumber },
    api: { name: 'numFrames', schema: z => z.int().min(1).max(10_000) },
  },
  seconds: {
    about: 'length in seconds, instead of --frames',
    schema: z => z.number().positive(),
    planned: false,
    notice: noticeLength,
    flag: { name: '--seconds', argument: '<s>', group: 'video', type: decimal },
  },
  fps: {
    about: 'frames a second',
    schema: z => z.number().positive().max(240),
    default: ({ defaults }) => defaults.fps,
    flag: { name: '--fps', argument: '<n>', group: 'video', type: decimal },
    api: { name: 'fps' },
  },
}

function framesOf(
  frames: number | undefined,
  { fields, facts }: FieldContext<ClipFields & ExtendFields>,
): number {
  const { geometry, defaults } = facts
  const { seconds, fps = defaults.fps } = fields
  const extend = fields.extend === undefined ? undefined : planExtension(fields, facts)
  if (extend) return addedFrames(fields, extend, fps)
  return frames ?? (seconds === undefined ? defaults.frames : framesForSeconds(geometry, seconds, fps))
}

/** Notices where the length is not the seconds that are asked for. */
function noticeLength({ frames, seconds }: ClipFields, plan: ClipPlan, notify: Notify): void {
  const made = plan.frames / plan.fps
  if (frames !== undefined) {
    notify('request/unused', `seconds: no effect beside frames; ${plan.frames} frames are made.`)
  } else if (Math.abs(made - seconds!) >= 1e-6) {
    const length = `${plan.frames} frames, ${Number(made.toFixed(3))} s`
    notify('request/rounded', `seconds: ${seconds} at ${plan.fps} fps is rounded to ${length}.`)
  }
}
