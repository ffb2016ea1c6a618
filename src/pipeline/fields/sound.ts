import { RequestError } from '../../errors.ts'
import type { RequestFacts } from '../model-facts.ts'
import type { ArgumentType } from './argument-types.ts'
import type { ControlFields } from './control.ts'
import type { ExtendFields } from './extend.ts'
import type { FieldGroup } from './field.ts'

export interface SoundFields {
  /**
   * The sound of the video: `true` for the model's own, or, of models that make none, that of the clip of `video` or
   * `extend`; `false` for none; or a file whose sound is put in (WAV, MP3, M4A, Ogg, FLAC, a video), from its beginning and
   * cut to the length of the video. How loud it is does not change.
   * @default true where there is one
   */
  readonly audio?: string | boolean | undefined
}

export interface SoundPlan {
  /** True also where there is none. */
  readonly audio: string | boolean
}

const file: ArgumentType<string | boolean> = {
  read: word => word,
  write: value => [String(value)],
}

export const soundFields: FieldGroup<SoundFields, SoundPlan> = {
  audio: {
    about: 'whether there is sound: the model’s, or that of the clip it works from (default: true)',
    schema: z => z.union([z.boolean(), z.string().min(1)]),
    default: true,
    check: checkSound,
    stored: ({ audio }) => (audio === true ? undefined : audio),
    flag: {
      name: '--audio',
      argument: '<file>',
      group: 'video',
      type: file,
      about: 'a file whose sound is put in, instead of the model’s or the clip’s',
      negated: 'make a silent video',
    },
    files: true,
    api: { name: 'audio', schema: z => z.boolean() },
  },
}

/** @throws RequestError when sound is asked for and there is nothing that it could come from */
function checkSound(
  { audio, video, extend }: SoundFields & Pick<ControlFields, 'video'> & ExtendFields,
  { sound }: RequestFacts,
): void {
  if (audio !== true || sound || video !== undefined || extend !== undefined) return
  throw new RequestError('request/unsupported', {
    subject: 'audio',
    expected: 'false or a file: this model makes no sound',
    got: 'true',
    advice: 'Leave it out, name a sound file, or use a model that makes sound.',
  })
}
