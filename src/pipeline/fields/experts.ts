/** What is said of models whose steps several networks share. */
import { invalidRequest, RequestError } from '../../errors.ts'
import { decimal } from './argument-types.ts'
import type { FieldGroup, Zod } from './field.ts'

export interface ExpertFields {
  /**
   * Of models with two networks: the noise level, from 0 to 1, at and above which the first one runs, as diffusers'
   * `boundary_ratio`. At 0 it runs all steps.
   * @default the checkpoint's
   */
  readonly boundary?: number | undefined
  /**
   * Short for the second number of `guidance`, where that is one number, from 0 to 100.
   * @default that of the first expert
   */
  readonly guidance2?: number | undefined
}

export interface ExpertPlan {
  /** Undefined: the checkpoint's. */
  readonly boundary: number | undefined
}

/** A field that `guidance2` is beside. */
interface GuidedFields extends ExpertFields {
  readonly guidance?: number | readonly number[] | undefined
}

export const expertFields: FieldGroup<ExpertFields, ExpertPlan> = {
  boundary: {
    about: 'noise level at which the second expert takes over, 0 to 1 (default: the model’s)',
    schema: z => z.number().min(0).max(1),
    appliesTo: ({ experts }) => experts.length > 1,
    check(_, { experts }) {
      if (experts.length === 1) throw oneExpert('boundary', 'Leave it out.')
    },
    flag: { name: '--boundary', argument: '<share>', group: 'finer', type: decimal },
    api: { name: 'boundary' },
  },
  guidance2: {
    about: 'guidance of the second expert, for models with two',
    schema: scale,
    planned: false,
    appliesTo: ({ experts }) => experts.length > 1,
    check: ({ guidance }: GuidedFields, { experts }) => checkShort(guidance, experts.length),
    needsGuidance: () => true,
    flag: { name: '--guidance-2', argument: '<g>', group: 'video', type: decimal },
    api: { name: 'guidanceScale2' },
  },
}

/** How strongly a prompt may be followed. */
export function scale(z: Zod) {
  return z.number().min(0).max(100)
}

/** @throws RequestError for more numbers than networks */
export function checkCount(count: number, experts: number): void {
  if (count <= experts) return
  throw new RequestError('request/unsupported', {
    subject: 'guidance',
    expected:
      experts === 1 ? 'one number for this checkpoint' : `up to ${experts} numbers for this checkpoint`,
    got: String(count),
  })
}

function checkShort(guidance: GuidedFields['guidance'], experts: number): void {
  if (typeof guidance === 'object') {
    throw invalidRequest(
      'guidance2',
      'guidance of one number beside it',
      `a list of ${guidance.length}`,
      'Put its number into the list.',
    )
  }
  if (experts === 1) throw oneExpert('guidance2', 'Use guidance alone.')
}

function oneExpert(subject: string, advice: string): RequestError {
  return new RequestError('request/unsupported', {
    subject,
    expected: 'a checkpoint with two experts',
    got: 'one with a single transformer',
    advice,
  })
}
