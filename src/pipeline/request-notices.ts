import type { Notify } from '../notices.ts'
import { isGuided } from '../sampling/guidance.ts'
import {
  fieldEntries,
  type GeneratePlan,
  type GenerateRequest,
  type RequestFields,
} from './fields/request-fields.ts'
import type { RequestFacts } from './model-facts.ts'
import { noticeUntrained } from './trained.ts'

interface NoticeContext {
  readonly facts: Pick<RequestFacts, 'trained' | 'guidanceBelowOne'>
  readonly fields: RequestFields
  readonly notify: Notify
}

/** Notices where a plan is not what the request says, and what the model was not trained for. */
export function noticePlan(request: GenerateRequest, plan: GeneratePlan, context: NoticeContext): void {
  const { facts, notify } = context
  if (facts.trained) noticeUntrained(plan, facts.trained, notify)
  noticeLength(request, plan, notify)
  noticeGuidance(request, plan, context)
  noticeStrength(plan, notify)
}

/** Notices where the length is not the seconds that are asked for. */
export function noticeLength({ frames, seconds }: GenerateRequest, plan: GeneratePlan, notify: Notify): void {
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
