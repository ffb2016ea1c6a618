/** Noise levels that a request names itself. */
import { invalidRequest, type RequestError } from '../../errors.ts'
import { checkSpacing } from '../../sampling/schedules/noise-levels.ts'
import { numbers } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface LevelFields {
  /**
   * Timesteps of the steps in place of evenly spaced ones, falling, above 0 to 1000, as diffusers' `timesteps`: before
   * the shift of the schedule. Not every sampler takes them.
   * @default those of the model
   */
  readonly timesteps?: readonly number[] | undefined
  /**
   * Noise levels of the steps in place of evenly spaced ones, falling, above 0 to 1, as diffusers' `sigmas`: before the
   * shift of the schedule. Not every sampler takes them.
   * @default those of the model
   */
  readonly sigmas?: readonly number[] | undefined
}

export interface LevelPlan {
  readonly timesteps: readonly number[] | undefined
  readonly sigmas: readonly number[] | undefined
}

export const levelFields: FieldGroup<LevelFields, LevelPlan> = {
  timesteps: {
    about: 'timesteps of the steps: 1000,757,522 (default: the model’s)',
    schema: z => z.array(z.number()).min(1).max(1000),
    check(fields) {
      checkCount(fields)
      if (fields.sigmas) throw bothGiven()
      checkSpacing({ timesteps: fields.timesteps ?? [] }, 1000)
    },
    flag: { name: '--timesteps', argument: '<t,t,…>', group: 'finer', type: numbers },
  },
  sigmas: {
    about: 'noise levels of the steps: 1,0.9,0.6 (default: the model’s)',
    schema: z => z.array(z.number()).min(1).max(1000),
    check(fields) {
      checkCount(fields)
      checkSpacing({ sigmas: fields.sigmas ?? [] }, 1000)
    },
    flag: { name: '--sigmas', argument: '<s,s,…>', group: 'finer', type: numbers },
  },
}

/** @throws RequestError for another number of steps than levels */
function checkCount({
  steps,
  timesteps,
  sigmas,
}: LevelFields & { readonly steps?: number | undefined }): void {
  const given = timesteps ?? sigmas ?? []
  if (steps === undefined || steps === given.length) return
  throw invalidRequest(
    'steps',
    `${given.length}, the number of ${timesteps ? 'timesteps' : 'sigmas'}`,
    steps,
    'Leave it out.',
  )
}

function bothGiven(): RequestError {
  return invalidRequest('timesteps', 'no sigmas beside them', 'both', 'Give one of them.')
}
