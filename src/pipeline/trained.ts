/** What a checkpoint was trained for, as its framewright.json declares it: requests outside of it are noticed. */
import type { Notify } from '../notices.ts'
import { listed } from '../notices.ts'

/** Fields that are missing make no statement. */
export interface Trained {
  /** `<width>x<height>` in pixels. */
  readonly sizes?: readonly string[] | undefined
  /** Lengths in frames. */
  readonly frames?: readonly number[] | undefined
  /** All words that its prompts had, in lower case. */
  readonly words?: readonly string[] | undefined
  /** What its videos show, for messages: `<shapes that …>`. */
  readonly subject?: string | undefined
  /** Names of the family's presets that there are few-step models or adapters of its kind for. */
  readonly presets?: readonly string[] | undefined
}

/** What of a plan is compared. */
interface TrainedPlan {
  readonly prompt: string
  readonly negativePrompt: string
  readonly guidance: readonly number[]
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly extend: { readonly window: number } | undefined
}

/** Notices sizes, lengths and words of a request that the model was not trained at. */
export function noticeUntrained(plan: TrainedPlan, trained: Trained, notify: Notify): void {
  const size = `${plan.width}x${plan.height}`
  if (trained.sizes && !trained.sizes.includes(size)) {
    const result = `at ${size} objects may be misshapen, missing or repeated`
    notify('request/untrained', `size: the model was trained at ${listed(trained.sizes)}; ${result}.`)
  }
  // A continued clip is made in windows.
  const [field, frames] = plan.extend ? ['window', plan.extend.window] : ['frames', plan.frames]
  if (trained.frames && !trained.frames.includes(Number(frames))) {
    const lengths = listed(trained.frames.map(String))
    const result = `at ${frames} motion may be wrong`
    notify('request/untrained', `${field}: the model was trained at ${lengths} frames; ${result}.`)
  }
  noticeWords('prompt', plan.prompt, trained, notify)
  if (plan.guidance[0]! > 1) noticeWords('negative prompt', plan.negativePrompt, trained, notify)
}

function noticeWords(subject: string, text: string, trained: Trained, notify: Notify): void {
  if (!trained.words) return
  const words = [...new Set(text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [])]
  const unknown = words.filter(word => !trained.words?.includes(word))
  if (unknown.length === 0) return
  const which = listed(unknown.map(word => JSON.stringify(word)))
  const can = trained.subject ? ` It makes ${trained.subject}.` : ''
  notify('prompt/unknown-words', `${subject}: the model was not trained on the words ${which}.${can}`)
}
