import { type ExtendPlan, openingOf, planExtension } from '../extend-plan.ts'
import type { RequestFacts } from '../model-facts.ts'
import { text, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface ExtendFields {
  /**
   * A clip to go on from, as a video file or a folder of pictures: `frames` or `seconds` then say how much is added to
   * it.
   */
  readonly extend?: string | undefined
  /**
   * With `extend`: frames that are made at a time, a length that the model can make.
   * @default the model's length
   */
  readonly window?: number | undefined
  /**
   * With `extend`: frames of what was there before that a window begins with, fewer than `window`.
   * @default two latent frames, or 1 for models that begin with a picture
   */
  readonly overlap?: number | undefined
}

export interface ExtendedPlan {
  readonly extend: ExtendPlan | undefined
}

export const extendFields: FieldGroup<ExtendFields, ExtendedPlan> = {
  extend: {
    about: 'go on from the end of a clip; --frames or --seconds say how far',
    schema: z => z.string().min(1),
    default: undefined,
    resolve: (_, { fields, facts }) => planExtension(fields, facts),
    // A window begins with what was there before: with a clip where the model can, else with its last frame.
    mode: ({ extend }) => (extend?.opening === 'clip' ? 'keyframes' : 'image'),
    appliesTo: canExtend,
    check: (fields, facts) => void planExtension(fields, facts),
    stored: ({ extend }) => extend?.path,
    flag: { name: '--extend', argument: '<video>', group: 'pictures', type: text },
    files: true,
  },
  window: {
    about: 'frames made at a time with --extend (default: the model’s)',
    schema: z => z.int().positive(),
    planned: false,
    appliesTo: canExtend,
    check: (fields, facts) => void planExtension(fields, facts),
    stored: ({ extend }) => extend?.window,
    flag: { name: '--window', argument: '<n>', group: 'pictures', type: wholeNumber },
  },
  overlap: {
    about: 'frames that a window begins with (default: two latents, or 1)',
    schema: z => z.int().positive(),
    planned: false,
    appliesTo: canExtend,
    check: (fields, facts) => void planExtension(fields, facts),
    stored: ({ extend }) => extend?.overlap,
    flag: { name: '--overlap', argument: '<n>', group: 'pictures', type: wholeNumber },
  },
}

function canExtend(facts: RequestFacts): boolean {
  return openingOf(facts) !== undefined
}
