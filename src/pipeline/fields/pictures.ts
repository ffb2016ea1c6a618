import { type ArgumentType, choice, pathWithAmount, text } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

/** A picture, or a clip, at a frame of the video. */
export interface KeyframeInput {
  /** Frame that it stands at, or that a clip starts at: from 0, or counted from the end, where -1 is the last. */
  readonly frame: number
  /** A picture (JPEG, PNG, WebP or AVIF), a video, or a folder of pictures. */
  readonly path: string
  /**
   * How closely it is held, above 0 to 1.
   * @default 1
   */
  readonly strength?: number | undefined
}

export interface PictureFields {
  /** The first frame: a file of JPEG, PNG, WebP or AVIF. */
  readonly image?: string | undefined
  /** The last frame: a file as `image`. */
  readonly lastImage?: string | undefined
  /**
   * Pictures at frames of the video, or clips that start there, each with how strongly it is held: above 0 to 1.
   * @default []
   */
  readonly keyframes?: readonly KeyframeInput[] | undefined
  /**
   * How pictures and clips of another shape than the video are brought to it: `crop` cuts the edges that stand over and
   * keeps shapes, `stretch` keeps the whole picture, as diffusers does.
   * @default 'crop' for a video that takes its size from them, 'stretch' for one of the size that is asked for
   */
  readonly fit?: Fit | undefined
}

const fits = ['crop', 'stretch'] as const

export type Fit = (typeof fits)[number]

export interface PicturePlan {
  readonly image: string | undefined
  readonly lastImage: string | undefined
  readonly keyframes: readonly { readonly frame: number; readonly path: string; readonly strength: number }[]
  readonly fit: Fit
}

const keyframes: ArgumentType<readonly KeyframeInput[]> = {
  read(word, refuse, before = []) {
    const [, frame, path, strength] = /^(-?\d{1,6}):(.+?)(?::(\d*\.?\d+))?$/s.exec(word) ?? []
    if (frame === undefined || path === undefined) {
      return refuse('FRAME:FILE or FRAME:FILE:STRENGTH', 'For example 16:end.png.')
    }
    return [...before, { frame: Number(frame), path, ...(strength && { strength: Number(strength) }) }]
  },
  write: list => list.map(({ frame, path, strength }) => `${frame}:${pathWithAmount(path, strength)}`),
}

export const pictureFields: FieldGroup<PictureFields, PicturePlan> = {
  image: {
    about: 'the first frame',
    schema: z => z.string().min(1),
    mode: 'image',
    flag: { name: '--image', argument: '<file>', group: 'pictures', type: text },
    files: true,
  },
  lastImage: {
    about: 'the last frame',
    schema: z => z.string().min(1),
    mode: 'last-image',
    flag: { name: '--last-image', argument: '<file>', group: 'pictures', type: text },
    files: true,
  },
  keyframes: {
    about: 'a picture, or a clip, at a frame (-1: the last); repeatable',
    schema: z =>
      z.array(
        z.strictObject({
          frame: z.int(),
          path: z.string().min(1),
          strength: z.number().gt(0).max(1).optional(),
        }),
      ),
    default: [],
    mode: 'keyframes',
    resolve: (list = []) => list.map(({ frame, path, strength = 1 }) => ({ frame, path, strength })),
    stored: ({ keyframes }) => (keyframes.length === 0 ? undefined : keyframes.map(each => ({ ...each }))),
    flag: {
      name: '--keyframe',
      argument: '<frame:file[:strength]>',
      group: 'pictures',
      type: keyframes,
    },
    files: true,
  },
  fit: {
    about: 'crop or stretch, for pictures of another shape than the video',
    schema: z => z.enum(fits),
    default: 'stretch',
    stored: ({ fit }) => (fit === 'stretch' ? undefined : fit),
    flag: { name: '--fit', argument: '<how>', group: 'pictures', type: choice(fits) },
    api: { name: 'fit' },
  },
}
