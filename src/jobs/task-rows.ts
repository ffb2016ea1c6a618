import type { Row } from './database.ts'
import {
  type JsonObject,
  noProgress,
  type TaskFailure,
  type TaskProgress,
  type TaskRecord,
  type TaskRequest,
  type TaskResult,
  type TaskState,
} from './task.ts'

/** The columns of `framewright.tasks t` that a record is made of. */
export const taskColumns = `
  t.id, t.model, t.owner, t.api, t.request, t.about, t.priority, t.webhook, t.state, t.attempt, t.progress,
  t.result, t.failure, t.answered, t.created_at, t.started_at, t.finished_at,
  CASE WHEN t.state = 'queued' THEN (
    SELECT count(*)::int FROM framewright.tasks o
    WHERE o.queue = t.queue AND (
      o.state = 'running' OR (o.state = 'queued' AND (-o.priority, o.seq) < (-t.priority, t.seq))
    )
  ) ELSE 0 END AS ahead`

/** Whether now is outside of the wait that a row has. A clock that was set back to before its beginning ends it. */
export const waitIsOver = (row: string) =>
  `(${row}.wait_until IS NULL OR clock_timestamp() NOT BETWEEN ${row}.wait_from AND ${row}.wait_until)`

/** The record of a row. What cannot be read of it is left empty: one task does not keep others from being shown. */
export function taskOf(row: Row): TaskRecord {
  const { state, started_at: started, finished_at: finished } = row
  const webhook = parsed<{ url: string }>(row.webhook)
  const result = parsed<TaskResult>(row.result)
  const failure = parsed<TaskFailure>(row.failure)
  return {
    id: row.id as string,
    owner: row.owner as string,
    api: row.api as string,
    request: parsed<TaskRequest>(row.request) ?? { model: row.model as string, generate: {} },
    about: parsed<JsonObject>(row.about) ?? {},
    priority: row.priority as number,
    ...(webhook && { webhook }),
    state: state as TaskState,
    ahead: row.ahead as number,
    attempt: row.attempt as number,
    progress: progressOf(row),
    answered: row.answered as boolean,
    ...(result && { result }),
    ...(failure && { failure }),
    createdAt: (row.created_at as Date).toISOString(),
    ...(started != null && { startedAt: (started as Date).toISOString() }),
    ...(finished != null && { finishedAt: (finished as Date).toISOString() }),
  }
}

/** Whether a runner can be given the task of a row. */
export function isReadable(row: Row): boolean {
  const request = parsed<Partial<TaskRequest>>(row.request)
  return (
    typeof request?.model === 'string' && typeof request.generate === 'object' && request.generate !== null
  )
}

function progressOf(row: Row): TaskProgress {
  const progress = parsed<TaskProgress>(row.progress) ?? noProgress
  return row.state === 'succeeded' ? { ...progress, fraction: 1, stage: 'done', secondsLeft: 0 } : progress
}

function parsed<T>(text: unknown): T | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const value = JSON.parse(text) as T | null
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
