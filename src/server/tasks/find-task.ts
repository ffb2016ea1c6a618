import type { TaskRecord } from '../../jobs/task.ts'
import { HttpError } from '../http/http-error.ts'
import type { Owner } from '../http/owner.ts'
import type { Services } from '../services.ts'

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/

/**
 * The task of an owner. Those of others are not there: an id tells nothing about what exists.
 * @param field of the body that names it, where the path does not
 * @throws HttpError 404
 */
export async function findTask(
  { jobs }: Services,
  owner: Owner,
  id: string,
  field?: string,
): Promise<TaskRecord> {
  const task = uuid.test(id) ? await jobs.get(id) : undefined
  if (task?.owner === owner.id) return task
  const message = field === undefined ? 'No such task.' : `${field}: No such task.`
  throw new HttpError(404, message, { code: 'not_found', ...(field !== undefined && { param: field }) })
}
