import { z } from 'zod'
import { RequestError } from '../errors.ts'
import { toLatent } from '../geometry/video-geometry.ts'
import { dropNotices, type Notify } from '../notices.ts'
import { fieldEntries, type GeneratePlan, type GenerateRequest, planFields } from './fields/request-fields.ts'
import { invalidField } from './invalid-field.ts'
import type { RequestFacts } from './model-facts.ts'
import { checkModes, checkPlaces } from './modes.ts'
import { noticePlan } from './request-notices.ts'

export type { GeneratePlan, GenerateRequest } from './fields/request-fields.ts'

/** What may be said of a request, whatever the model. */
export const generateRequest = z.strictObject(
  Object.fromEntries(
    fieldEntries.map(([name, { schema }]) => [name, name === 'prompt' ? schema(z) : schema(z).optional()]),
  ),
)

/**
 * Checks a request and fills in the defaults of the model.
 * @param notify told where the plan is not what the request says, and what the model was not trained for
 * @throws RequestError `request/invalid` for a field that is wrong, `request/unsupported` for what the model cannot do,
 * `request/size` for a size that does not fit
 */
export function planRequest(
  request: GenerateRequest,
  facts: RequestFacts,
  randomSeed: () => bigint,
  notify: Notify = dropNotices,
): GeneratePlan {
  const parsed = generateRequest.safeParse(request)
  if (!parsed.success) throw invalidField(parsed.error.issues[0]!, request)
  const fields = parsed.data as unknown as GenerateRequest
  const given = fieldEntries.filter(([name]) => fields[name] !== undefined)
  for (const [name, { optIn }] of given) if (optIn && !facts.takes.includes(name)) throw notTaken(name, facts)
  for (const [, field] of given) field.check?.(fields, facts)
  const plan = planFields(fields, { facts, randomSeed })
  checkModes(plan, facts)
  checkPlaces(plan)
  // What is added to a clip may be of any length: it is made in windows.
  toLatent(facts.geometry, { ...plan, frames: plan.extend?.window ?? plan.frames })
  noticePlan(request, plan, facts, notify)
  return plan
}

function notTaken(name: string, { takes }: RequestFacts): RequestError {
  return new RequestError('request/unsupported', {
    subject: name,
    expected: 'a checkpoint that takes it',
    got: takes.length === 0 ? 'one that does not' : `one that takes ${takes.join(', ')}`,
    advice: 'Leave it out.',
  })
}
