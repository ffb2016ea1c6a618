import { effect, signal } from '@preact/signals'
import type { TaskPlan } from '../../server/framewright/contract.ts'
import { CallError, call, messageOf } from '../server/call.ts'
import { connection } from '../tasks/live.ts'
import { lastEnded } from '../tasks/task-store.ts'
import { bodyOf, draft, draftModel } from './draft.ts'

interface Planned {
  readonly plan?: TaskPlan
  /** What is wrong with fields, by their names. */
  readonly issues: Readonly<Record<string, string>>
  /** What is wrong beside them. */
  readonly error?: string
}

/** What the draft would be made as; undefined until the server has said it. */
export const planned = signal<Planned | undefined>(undefined)

/** Whether the draft has changed since. */
export const planning = signal(false)

const settledMs = 250

/** Asks the server about the draft whenever it has changed. @returns ends it */
export function followDraft(): () => void {
  let timer = 0
  let asking = new AbortController()
  const stop = effect(() => {
    // A video that is done says how long the next one takes.
    lastEnded.value
    // A server that is back answers what was asked while it was gone.
    connection.value
    const body = draftModel.value && bodyOf(draft.value, source => source.name)
    window.clearTimeout(timer)
    asking.abort()
    planning.value = body !== undefined
    if (!body) return
    asking = new AbortController()
    const { signal: stopped } = asking
    timer = window.setTimeout(() => void ask(body, stopped), settledMs)
  })
  return () => {
    window.clearTimeout(timer)
    asking.abort()
    stop()
  }
}

async function ask(body: object, stopped: AbortSignal): Promise<void> {
  // A server that did not answer may have come back.
  if (planned.value?.error !== undefined) planned.value = undefined
  try {
    const plan = await call<TaskPlan>('v1/tasks/plan', { body, signal: stopped })
    planned.value = { plan, issues: {} }
  } catch (error) {
    if (stopped.aborted) return
    const issues = error instanceof CallError ? error.issues : []
    const named = issues.filter(({ path }) => path.length > 1)
    planned.value = {
      issues: Object.fromEntries(named.map(({ path, message }) => [String(path[1]), message])),
      ...(named.length === 0 && { error: messageOf(error) }),
    }
  }
  planning.value = false
}
