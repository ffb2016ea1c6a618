import { invalidRequest, RequestError } from '../../errors.ts'
import { decimal, text, texts } from './argument-types.ts'
import { type FieldGroup, havingMode } from './field.ts'
import type { StepPlan } from './sampling.ts'

export interface ControlFields {
  /** A clip, as a video file or a folder of pictures: to start from with `strength`, else as a control. */
  readonly video?: string | undefined
  /**
   * Latents to start from with `strength`, as a .safetensors file: one tensor, or the one called `latents`, of
   * [channels, frames, height, width] as the network sees them.
   */
  readonly latents?: string | undefined
  /**
   * How far the result may go from `video` or `latents`, above 0 to 1 (anywhere). Without it the video is a control.
   */
  readonly strength?: number | undefined
  /**
   * White where the control video may be changed, black where it is kept: a clip of the same length, or a picture, which is
   * held over all frames.
   */
  readonly mask?: string | undefined
  /**
   * Pictures of what is to appear.
   * @default []
   */
  readonly references?: readonly string[] | undefined
}

export interface ControlPlan {
  readonly video: string | undefined
  readonly latents: string | undefined
  readonly strength: number | undefined
  readonly mask: string | undefined
  readonly references: readonly string[]
}

export const controlFields: FieldGroup<ControlFields, ControlPlan> = {
  video: {
    about: 'a video, or a folder of pictures, to start from or as a control',
    schema: z => z.string().min(1),
    // Alone it is a start to work from, where a strength says how far, and otherwise a control.
    mode: plan => (isVideoAlone(plan) && plan.strength !== undefined ? 'video' : 'control'),
    appliesTo: havingMode('video', 'control'),
    check(fields, { modes }) {
      if (!isVideoAlone(fields) || fields.strength !== undefined) return
      if (modes.includes('control') || !modes.includes('video')) return
      throw new RequestError('request/unsupported', {
        subject: 'video',
        expected: 'a strength beside it: to this checkpoint a video is what to start from',
        got: 'none',
        advice: 'Add a strength, how much of it is made anew, for example 0.6.',
      })
    },
    flag: { name: '--video', argument: '<file>', group: 'pictures', type: text },
    files: true,
  },
  latents: {
    about: 'latents to start from with --strength: a .safetensors file',
    schema: z => z.string().min(1),
    check({ strength, ...fields }) {
      if (strength === undefined) throw alone('latents', 'strength')
      const other = notBesideLatents.find(name => (fields as Record<string, unknown>)[name] !== undefined)
      if (other === undefined) return
      const expected = `no ${other} beside them`
      throw invalidRequest('latents', expected, 'both')
    },
    flag: { name: '--latents', argument: '<file>', group: 'pictures', type: text },
    files: true,
  },
  strength: {
    about: 'how far the result may go from --video or --latents, above 0 to 1',
    schema: z => z.number().gt(0).max(1),
    check({ video, latents }) {
      if (video === undefined && latents === undefined) throw alone('strength', 'video or latents')
    },
    notice(_, { steps, strength = 1 }: ControlPlan & StepPlan, notify) {
      if (Number.isInteger(steps * strength)) return
      const left = Math.trunc(steps * strength)
      const made = left === 0 ? '0: the clip is encoded and decoded, no more' : String(left)
      notify('request/rounded', `strength: ${strength} of ${steps} steps is rounded down to ${made}.`)
    },
    flag: { name: '--strength', argument: '<s>', group: 'pictures', type: decimal },
  },
  mask: {
    about: 'a video or picture, white where the control video may be changed',
    schema: z => z.string().min(1),
    mode: 'control',
    flag: { name: '--mask', argument: '<file>', group: 'pictures', type: text },
    files: true,
  },
  references: {
    about: 'a picture of what is to appear; repeatable',
    schema: z => z.array(z.string().min(1)),
    mode: 'references',
    default: [],
    stored: ({ references }) => (references.length === 0 ? undefined : references),
    flag: { name: '--reference', argument: '<file>', group: 'pictures', type: texts },
    files: true,
  },
}

function isVideoAlone({ mask, references = [] }: Pick<ControlFields, 'mask' | 'references'>): boolean {
  return mask === undefined && references.length === 0
}

/** What says itself what a run starts from, or is held to. */
const notBesideLatents = ['video', 'image', 'lastImage', 'keyframes', 'mask', 'references', 'extend']

/** The error for a field that says something of another one, which is not there. */
export function alone(subject: string, needed: string): RequestError {
  return invalidRequest(subject, `${needed} beside it`, 'none')
}
