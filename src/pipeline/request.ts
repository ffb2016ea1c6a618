import { z } from 'zod'
import { RequestError } from '../errors.ts'
import { toLatent } from '../geometry/video-geometry.ts'
import { dropNotices, Notices, type Notify } from '../notices.ts'
import { isGuided } from '../sampling/guidance.ts'
import { answersOf, type Probe, refusePicture } from './answers-of-media.ts'
import { withPreset } from './fields/preset.ts'
import {
  fieldEntries,
  type GeneratePlan,
  type GenerateRequest,
  isOptedFor,
  planFields,
  type RequestFields,
} from './fields/request-fields.ts'
import { invalidField } from './invalid-field.ts'
import { type Mode, modeNames, type RequestFacts } from './model-facts.ts'
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
  const notices = new Notices()
  const asked = await planChecked(request, facts, probe, { ...context, notify: notices.add })
  const source = shapingInput(request)
  if (source === undefined) {
    for (const { code, message } of notices.take()) notify(code, message)
    return asked
  }
  const answers = answersOf(request, facts, await probe(source), notify)
  const plan = planRequest({ ...request, ...answers }, facts, context)
  if ('frames' in answers) noticeLength(request, plan, notify)
  return plan
}

/** Plans a request as it stands; a picture in the place of a clip is refused as one. */
async function planChecked(
  request: GenerateRequest,
  facts: RequestFacts,
  probe: Probe,
  context: PlanContext,
): Promise<GeneratePlan> {
  try {
    return planRequest(request, facts, context)
  } catch (error) {
    if (error instanceof RequestError && error.code === 'request/unsupported') {
      await refusePicture(request, facts, probe)
    }
    throw error
  }
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
  { fields, randomSeed, notify = dropNotices }: PlanContext,
): GeneratePlan {
  const entries = fieldEntries(fields)
  const schema = schemaOf(entries, request)
  const parsed = schema.safeParse(request)
  if (!parsed.success) throw invalidField(parsed.error.issues[0]!, request, schema)
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
function checkModes(plan: GeneratePlan, facts: RequestFacts): void {
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

interface NoticeContext {
  readonly facts: Pick<RequestFacts, 'trained' | 'guidanceBelowOne'>
  readonly fields: RequestFields
  readonly notify: Notify
}

/** Notices where a plan is not what the request says, and what the model was not trained for. */
function noticePlan(request: GenerateRequest, plan: GeneratePlan, context: NoticeContext): void {
  const { facts, notify } = context
  if (facts.trained) noticeUntrained(plan, facts.trained, notify)
  noticeLength(request, plan, notify)
  noticeGuidance(request, plan, context)
  noticeStrength(plan, notify)
}

/** Notices where the length is not the seconds that are asked for. */
function noticeLength({ frames, seconds }: GenerateRequest, plan: GeneratePlan, notify: Notify): void {
  if (seconds === undefined) return
  if (frames !== undefined) {
    notify('request/unused', `seconds: no effect beside frames; ${plan.frames} frames are made.`)
    return
  }
  const made = plan.frames / plan.fps
  if (Math.abs(made - seconds) < 1e-6) return
  const length = `${plan.frames} frames, ${Number(made.toFixed(3))} s`
  notify('request/rounded', `seconds: ${seconds} at ${plan.fps} fps is rounded to ${length}.`)
}

function noticeGuidance(
  request: GenerateRequest,
  plan: GeneratePlan,
  { facts, fields, notify }: NoticeContext,
): void {
  const { guidance, guidanceInterval, steps } = plan
  const guided =
    isGuided({ scale: guidance[0]!, belowOne: facts.guidanceBelowOne ?? 'off' }) ||
    fieldEntries(fields).some(([, { guides }]) => guides?.(plan))
  if (!guided) {
    for (const [name, { needsGuidance }] of fieldEntries(fields)) {
      if (request[name] === undefined || !needsGuidance?.(plan)) continue
      notify('request/unused', `${name}: no effect without guidance (guidance ${guidance[0]}).`)
    }
    return
  }
  const [start, end] = guidanceInterval.map(share => share * steps) as [number, number]
  if (Number.isInteger(start) && Number.isInteger(end)) return
  const asked = `${guidanceInterval.join(' to ')} of ${steps} steps`
  const made = `${Math.floor(start)} to ${Math.floor(end)}`
  notify('request/rounded', `guidanceInterval: ${asked} is rounded down to ${made}.`)
}

function noticeStrength({ steps, strength }: GeneratePlan, notify: Notify): void {
  if (strength === undefined || Number.isInteger(steps * strength)) return
  const left = Math.trunc(steps * strength)
  const made = left === 0 ? '0: the clip is encoded and decoded, no more' : String(left)
  notify('request/rounded', `strength: ${strength} of ${steps} steps is rounded down to ${made}.`)
}
