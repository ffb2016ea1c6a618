import { RequestError } from '../errors.ts'
import type { GeneratePlan } from './fields/request-fields.ts'
import type { Mode, RequestFacts } from './model-facts.ts'

/** The modes that a request needs, by the fields that it uses. */
export function modesOf(plan: GeneratePlan): Mode[] {
  const asked: (Mode | false)[] = [
    plan.image !== undefined && 'image',
    plan.lastImage !== undefined && 'last-image',
    plan.keyframes.length > 0 && 'keyframes',
    plan.video !== undefined && (isVideoAlone(plan) ? videoMode(plan) : 'control'),
    plan.mask !== undefined && 'control',
    plan.references.length > 0 && 'references',
    // A window begins with what was there before: with a clip where the model can, else with its last frame.
    plan.extend !== undefined && (plan.extend.opening === 'clip' ? 'keyframes' : 'image'),
  ]
  return asked.filter(mode => mode !== false)
}

/** A video alone is a start to work from, where a strength says how far, and otherwise a control. */
function videoMode(plan: GeneratePlan): Mode {
  return plan.strength === undefined ? 'control' : 'video'
}

/**
 * Checks that the model can do what is asked.
 * @throws RequestError `request/unsupported` naming what it can
 */
export function checkModes(plan: GeneratePlan, facts: RequestFacts): void {
  const missing = modesOf(plan).filter(mode => !facts.modes.includes(mode))
  const required = facts.requires.filter(mode => !modesOf(plan).includes(mode))
  const can = `It can do: ${facts.modes.map(mode => modeNames[mode]).join(', ')}.`
  if (missing[0] === 'control' && isVideoAlone(plan) && facts.modes.includes('video')) {
    throw new RequestError('request/unsupported', {
      subject: 'video',
      expected: 'a strength beside it: to this checkpoint a video is what to start from',
      got: 'none',
      advice: 'Add --strength with how much of it is made anew, for example 0.6.',
    })
  }
  if (missing.length > 0) {
    const got = modeNames[missing[0]!]
    throw new RequestError('request/unsupported', {
      subject: 'request',
      expected: 'a mode of this checkpoint',
      got,
      advice: can,
    })
  }
  if (required.length > 0) {
    const expected = `${modeNames[required[0]!]}, which this checkpoint needs`
    throw new RequestError('request/unsupported', { subject: 'request', expected, got: 'none', advice: can })
  }
}

function isVideoAlone({ mask, references }: GeneratePlan): boolean {
  return mask === undefined && references.length === 0
}

/** How messages and tables name the modes, with the flag that asks for each. */
export const modeNames: Readonly<Record<Mode, string>> = {
  text: 'text to video',
  image: 'a first frame (--image)',
  'last-image': 'a last frame (--last-image)',
  keyframes: 'keyframes (--keyframe)',
  video: 'video to video (--video with --strength)',
  control: 'a control video (--video, --mask)',
  references: 'reference pictures (--reference)',
}
