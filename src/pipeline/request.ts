import { z } from 'zod'
import { RequestError } from '../errors.ts'
import { toLatent } from '../geometry/video-geometry.ts'
import { memoize } from '../memoize.ts'
import { dropNotices, type Notify } from '../notices.ts'
import { isGuided } from '../sampling/guidance.ts'
import { wrongField } from '../schema-issue.ts'
import { answersOf, type Probe, refusePicture } from './answers-of-media.ts'
import { withPreset } from './fields/preset.ts'
import {
  type AnyField,
  type FieldName,
  fieldEntries,
  type GeneratePlan,
  type GenerateRequest,
  isOptedFor,
  modesOf,
  planFields,
  type RequestFields,
} from './fields/request-fields.ts'
import { modeNames, type RequestFacts } from './model-facts.ts'
import { checkPlaces, withPlacedKeyframes } from './places.ts'
import { noticeUntrained } from './trained.ts'

export type { GeneratePlan, GenerateRequest } from './fields/request-fields.ts'

export interface PlanContext {
  /** Every field that a request may have. */
  readonly fields: RequestFields
  /** A seed for requests without one. */
  readonly randomSeed: () => bigint
  /** Told where the plan is not what the request says, and what the model was not trained for. */
  readonly notify?: Notify
  /** What the caller said of the request: notices compare the plan with it. @default all of it */
  readonly asked?: GenerateRequest
}

/**
 * Checks a request, then answers every question that it leaves open. Time is time and shape is shape: a picture or clip
 * gives the video its shape, and a clip to work from its length, at the model's frame rate. What the request says itself
 * wins.
 * @throws what `planRequest` throws, before any file is looked at; MediaError for a file that cannot be read
 */
export async function resolveRequest(
  request: GenerateRequest,
  facts: RequestFacts,
  probe: Probe,
  context: PlanContext,
): Promise<GeneratePlan> {
  const { notify = dropNotices } = context
  const source = shapingInput(request)
  try {
    // A request is checked before a file is looked at.
    const asked = planRequest(
      request,
      facts,
      source === undefined ? context : { ...context, notify: dropNotices },
    )
    if (source === undefined) return asked
  } catch (error) {
    // A picture in the place of a clip is refused as one.
    if (RequestError.is(error) && error.code === 'request/unsupported') {
      await refusePicture(request, facts, probe)
    }
    throw error
  }
  const answers = answersOf(request, facts, await probe(source), notify)
  return planRequest({ ...request, ...answers }, facts, { ...context, asked: request })
}

/** The file whose shape the video takes: what it goes on or starts from, else its earliest picture. */
export function shapingInput({
  extend,
  video,
  image,
  keyframes = [],
  lastImage,
}: Partial<GenerateRequest>): string | undefined {
  // Frames counted from the end come after those counted from the beginning.
  const fromEnd = ({ frame }: { readonly frame: number }) => Number(frame < 0)
  const [first] = keyframes.toSorted((a, b) => fromEnd(a) - fromEnd(b) || a.frame - b.frame)
  return extend ?? video ?? image ?? first?.path ?? lastImage
}

/**
 * Checks a request and fills in the defaults of the model.
 * @throws RequestError `request/invalid` for a field that is wrong, `request/unsupported` for what the model cannot do,
 * `request/size` for a size that does not fit
 */
export function planRequest(
  request: GenerateRequest,
  facts: RequestFacts,
  { fields, randomSeed, notify = dropNotices, asked = request }: PlanContext,
): GeneratePlan {
  const entries = fieldEntries(fields)
  const schema = schemaOf(entries, request)
  // The schema is of this request alone: to compile it takes longer than to check one value with it.
  const parsed = schema.safeParse(request, { jitless: true })
  if (!parsed.success) {
    const { field, ...what } = wrongField(parsed.error, request, schema)
    throw new RequestError('request/invalid', { subject: field || 'request', ...what })
  }
  const said = parsed.data as unknown as GenerateRequest
  const valid = said.preset === undefined ? said : withPreset(said, said.preset, facts)
  const given = entries.filter(([name]) => valid[name] !== undefined)
  for (const [name, field] of given) if (!isOptedFor(name, field, facts)) throw notTaken(name, facts)
  for (const [, field] of given) field.check?.(valid, facts)
  const planned = planFields(valid, fields, { facts, randomSeed })
  const { image, lastImage, keyframes } = planned
  const pictured = image !== undefined || lastImage !== undefined || keyframes.length > 0
  const plan = pictured ? withPlacedKeyframes(planned, facts) : planned
  checkModes(plan, facts)
  if (pictured) checkPlaces(plan, facts)
  // What is added to a clip may be of any length: it is made in windows.
  toLatent(facts.geometry, { ...plan, frames: plan.extend?.window ?? plan.frames })
  if (facts.trained) noticeUntrained(plan, facts.trained, notify)
  noticeFields(asked, plan, facts, fields, notify)
  return plan
}

/** What the fields of a request may hold, whatever the model. */
function schemaOf(entries: ReturnType<typeof fieldEntries>, request: GenerateRequest) {
  const said = entries.filter(([name]) => name === 'prompt' || name in Object(request))
  return z.strictObject(Object.fromEntries(said.map(([name, field]) => [name, fieldSchema({ name, field })])))
}

const fieldSchema = memoize(
  ({ name, field: { schema } }: { readonly name: FieldName; readonly field: AnyField }) =>
    name === 'prompt' ? schema(z) : schema(z).optional(),
  ({ field }) => field,
)

function notTaken(name: string, { takes }: RequestFacts): RequestError {
  return new RequestError('request/unsupported', {
    subject: name,
    expected: 'a checkpoint that takes it',
    got: takes.length === 0 ? 'one that does not' : `one that takes ${takes.join(', ')}`,
    advice: 'Leave it out.',
  })
}

/**
 * Checks that the model can do what is asked.
 * @throws RequestError `request/unsupported` naming what it can
 */
function checkModes(plan: GeneratePlan, facts: RequestFacts): void {
  const asked = modesOf(plan)
  const missing = asked.find(mode => !facts.modes.includes(mode))
  const required = facts.requires.find(mode => !asked.includes(mode))
  if (missing === undefined && required === undefined) return
  throw new RequestError('request/unsupported', {
    subject: 'request',
    expected: missing ? 'a mode of this checkpoint' : `${modeNames[required!]}, which this checkpoint needs`,
    got: missing ? modeNames[missing] : 'none',
    advice: `It can do: ${facts.modes.map(mode => modeNames[mode]).join(', ')}.`,
  })
}

/** Notices where a plan is not what the request says. */
function noticeFields(
  request: GenerateRequest,
  plan: GeneratePlan,
  { guidanceBelowOne: belowOne = 'off' }: RequestFacts,
  fields: RequestFields,
  notify: Notify,
): void {
  const entries = fieldEntries(fields)
  const [scale] = plan.guidance as readonly [number]
  const guided = isGuided({ scale, belowOne }) || entries.some(([, { guides }]) => guides?.(plan))
  for (const [name, { needsGuidance, notice }] of entries) {
    const isAsked = request[name] !== undefined
    if (!guided && needsGuidance?.(plan)) {
      if (isAsked) notify('request/unused', `${name}: no effect without guidance (guidance ${scale}).`)
    } else if (isAsked || plan[name as keyof GeneratePlan] !== undefined) {
      notice?.(request, plan, notify)
    }
  }
}
