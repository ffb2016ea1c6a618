import { z } from 'zod'
import { RequestError } from '../errors.ts'
import { toLatent } from '../geometry/video-geometry.ts'
import { dropNotices, type Notify } from '../notices.ts'
import { withPreset } from './fields/preset.ts'
import {
  fieldEntries,
  type GeneratePlan,
  type GenerateRequest,
  planFields,
  type RequestFields,
} from './fields/request-fields.ts'
import { invalidField } from './invalid-field.ts'
import type { RequestFacts } from './model-facts.ts'
import { checkModes, checkPlaces } from './modes.ts'
import { noticePlan } from './request-notices.ts'

export type { GeneratePlan, GenerateRequest } from './fields/request-fields.ts'

export interface PlanContext {
  /** Every field that a request may have. */
  readonly fields: RequestFields
  /** A seed for requests without one. */
  readonly randomSeed: () => bigint
  /** Told where the plan is not what the request says, and what the model was not trained for. */
  readonly notify?: Notify
}

/**
 * Checks a request and fills in the defaults of the model.
 * @throws RequestError `request/invalid` for a field that is wrong, `request/unsupported` for what the model cannot do,
 * `request/size` for a size that does not fit
 */
export function planRequest(
  request: GenerateRequest,
  facts: RequestFacts,
  { fields, randomSeed, notify = dropNotices }: PlanContext,
): GeneratePlan {
  const entries = fieldEntries(fields)
  const parsed = schemaOf(entries, request).safeParse(request)
  if (!parsed.success) throw invalidField(parsed.error.issues[0]!, request)
  const valid = withPreset(parsed.data as unknown as GenerateRequest, facts)
  const given = entries.filter(([name]) => valid[name] !== undefined)
  for (const [name, { optIn }] of given) if (optIn && !facts.takes.includes(name)) throw notTaken(name, facts)
  for (const [, field] of given) field.check?.(valid, facts)
  const plan = planFields(valid, fields, { facts, randomSeed })
  checkModes(plan, facts)
  checkPlaces(plan)
  // What is added to a clip may be of any length: it is made in windows.
  toLatent(facts.geometry, { ...plan, frames: plan.extend?.window ?? plan.frames })
  noticePlan(request, plan, { facts, fields, notify })
  return plan
}

/** What the fields of a request may hold, whatever the model. */
function schemaOf(entries: ReturnType<typeof fieldEntries>, request: GenerateRequest) {
  const said = entries.filter(([name]) => name === 'prompt' || name in Object(request))
  return z.strictObject(
    Object.fromEntries(
      said.map(([name, { schema }]) => [name, name === 'prompt' ? schema(z) : schema(z).optional()]),
    ),
  )
}

function notTaken(name: string, { takes }: RequestFacts): RequestError {
  return new RequestError('request/unsupported', {
    subject: name,
    expected: 'a checkpoint that takes it',
    got: takes.length === 0 ? 'one that does not' : `one that takes ${takes.join(', ')}`,
    advice: 'Leave it out.',
  })
}
