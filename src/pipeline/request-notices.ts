import type { Notify } from '../notices.ts'
import type { ModelFacts } from './family.ts'
import type { GeneratePlan, GenerateRequest } from './request.ts'
import { noticeUntrained } from './trained.ts'

/** Fields that change nothing in a run without guidance. */
const guidanceFields = [
  'negativePrompt',
  'guidance2',
  'guidanceInterval',
  'guidanceRescale',
  'apgEta',
  'apgNormThreshold',
  'apgMomentum',
] as const

/** Notices where a plan is not what the request says, and what the model was not trained for. */
export function noticePlan(
  request: GenerateRequest,
  plan: GeneratePlan,
  facts: Pick<ModelFacts, 'trained'>,
  notify: Notify,
): void {
  if (facts.trained) noticeUntrained(plan, facts.trained, notify)
  noticeLength(request, plan, notify)
  noticeGuidance(request, plan, notify)
  noticeStrength(plan, notify)
}

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

function noticeGuidance(request: GenerateRequest, plan: GeneratePlan, notify: Notify): void {
  const { guidance, guidanceInterval, guidanceMethod, steps } = plan
  if (guidance <= 1) {
    const fields: string[] = guidanceFields.filter(name => request[name] !== undefined)
    if (guidanceMethod.name === 'apg') fields.push('guidanceMethod')
    for (const field of fields)
      notify('request/unused', `${field}: no effect without guidance (guidance ${guidance}).`)
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
