import type {
  JsonObject,
  TaskFailure,
  TaskProgress,
  TaskRecord,
  TaskRequest,
  TaskResult,
  TaskState,
} from './contract.ts'
import type { Row } from './database.ts'

/** The columns of `framewright.tasks t` that a record is made of. */
export const taskColumns = `
  t.id, t.model, t.owner, t.api, t.request, t.about, t.priority, t.webhook, t.state, t.attempt, t.progress,
  t.result, t.failure, t.created_at, t.started_at, t.finished_at,
  CASE WHEN t.state = 'queued' THEN (
    SELECT count(*)::int FROM framewright.tasks o
    WHERE o.queue = t.queue AND (
      o.state = 'running' OR (o.state = 'queued' AND (-o.priority, o.seq) < (-t.priority, t.seq))
    )
  ) ELSE 0 END AS ahead`

export function taskOf(row: Row): TaskRecord {
  const { webhook, result, failure, started_at: started, finished_at: finished } = row
  return {
    id: row.id as string,
    owner: row.owner as string,
    api: row.api as string,
    request: row.request as TaskRequest,
    about: row.about as JsonObject,
    priority: row.priority as number,
    ...(webhook != null && { webhook: webhook as { url: string } }),
    state: row.state as TaskState,
    ahead: row.ahead as number,
    attempt: row.attempt as number,
    progress: row.progress as TaskProgress,
    ...(result != null && { result: result as TaskResult }),
    ...(failure != null && { failure: failure as TaskFailure }),
    createdAt: (row.created_at as Date).toISOString(),
    ...(started != null && { startedAt: (started as Date).toISOString() }),
    ...(finished != null && { finishedAt: (finished as Date).toISOString() }),
  }
}
