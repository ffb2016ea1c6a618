import type { TaskRecord } from '../../jobs/task.ts'
import type { Notice } from '../../notices.ts'
import { apiName } from '../generation-fields.ts'

/** What of a task is not made as its client asked for, in the client's names of its fields. */
export function taskNotices(task: TaskRecord): readonly Notice[] {
  const { about, result, failure, progress } = task
  const atStart = (about.notices ?? []) as unknown as readonly Notice[]
  const ofRun = result?.notices ?? failure?.notices ?? progress.notices ?? []
  const messages = new Map<string, Notice>()
  for (const { code, message } of [...atStart, ...ofRun]) {
    const named = clientMessage(message, task)
    if (!messages.has(named)) messages.set(named, { code, message: named })
  }
  return [...messages.values()]
}

/** Those of a task as a field of its object; nothing where there are none. */
export function noticesField(task: TaskRecord): { readonly notices?: readonly Notice[] } {
  const notices = taskNotices(task)
  return notices.length > 0 ? { notices } : {}
}

/** A message that begins with a field of the engine, with what the request calls it. */
function clientMessage(message: string, { about, api }: TaskRecord): string {
  const [, subject, rest] = /^(\w+)((?:\[\d+\])?: .*)$/s.exec(message) ?? []
  if (subject === undefined || rest === undefined) return message
  const { fields } = about
  const own = (typeof fields === 'object' && fields !== null ? fields : {}) as Readonly<
    Record<string, unknown>
  >
  // Width and height may be one field of the request.
  const called = own[subject === 'size' ? 'width' : subject]
  if (typeof called === 'string') return called + rest
  return apiName(subject, api === 'openai' ? 'underscores' : 'camel') + rest
}
