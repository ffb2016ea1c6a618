/** Every code a notice can carry. Codes are stable: callers may switch on them. */
export const noticeCodes = {
  'checkpoint/replaced': 'A setting of the checkpoint is not taken as it is written.',
  'checkpoint/chosen':
    "A part that a model's file lacks was found near it, or a setting that it lacks has a default.",
  'checkpoint/experimental':
    'A model of its kind is not checked in full, and was run because that was asked for.',
  'prompt/truncated': 'The prompt has more tokens than the model takes: the rest has no effect.',
  'prompt/unknown-words': 'The prompt has words that the model was not trained on.',
  'prompt/not-kept': 'The prompt cache could not be written to, or could not be kept within its limit.',
  'request/untrained': 'The model can make this size or length, but was not trained at it.',
  'request/rounded': 'A value is rounded to one that the model can make.',
  'request/unused': 'A field has no effect: it is unknown, or not used beside the other ones.',
  'clip/cut': 'A clip is longer than what is used of it.',
  'clip/retimed': 'A clip has another frame rate than the video, and is resampled by its times.',
  'clip/silent': 'The sound of a clip cannot be read: the video is made without it.',
  'picture/stretched': 'A picture or clip has another shape than the video and is stretched to it.',
  'picture/cropped': 'A picture or clip has another shape than the video: its edges are cut.',
  'machine/capped':
    'More threads or lanes were asked for than the machine has cores, or than there are videos.',
  'output/silent': 'A file format has no sound: what there is of it is left out.',
  'output/rounded': 'A file format cannot hold a value as it is: the file has it rounded.',
  'picture/colours':
    'The colours that a picture is marked with are not known here: its numbers are taken for sRGB.',
  'picture/first': 'A picture is animated: only the first of its pictures is used.',
  'picture/widened': 'A picture is held over more frames than the one it is given for.',
  'adapter/few-steps':
    'A file says that it is of a few-step model, whose settings are not used unless asked for.',
  'adapter/references': 'An adapter was trained with reference videos: it is used without them.',
  'adapter/left-out':
    'An adapter was made for another variant of the model: parts that this one has not are left out.',
} as const

export type NoticeCode = keyof typeof noticeCodes

/** Something that was rounded, cut, clamped, dropped or replaced: the run goes on, but not with what was asked for. */
export interface Notice {
  readonly code: NoticeCode
  /** `<subject>: <what is done instead>` */
  readonly message: string
}

/** Takes a notice. */
export type Notify = (code: NoticeCode, message: string) => void

/** Takes notices and drops them: for dry runs. */
export const dropNotices: Notify = () => {}

/** The notices of one run, each once. */
export class Notices {
  readonly #messages = new Set<string>()
  #waiting: Notice[] = []

  constructor(first: Iterable<Notice> = []) {
    for (const { code, message } of first) this.add(code, message)
  }

  readonly add: Notify = (code, message) => {
    if (this.#messages.has(message)) return
    this.#messages.add(message)
    this.#waiting.push({ code, message })
  }

  /** Those that were added since the last call. */
  take(): readonly Notice[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }
}

/** `1, 2, 3`, `1, 2 and 5 more`: a list that fits into a message. */
export function listed(items: readonly string[], most = 6): string {
  if (items.length <= most) return items.join(', ')
  return `${items.slice(0, most).join(', ')} and ${items.length - most} more`
}
