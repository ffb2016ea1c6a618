import type { RunningWorker, WorkerOptions } from '../host/worker.ts'
import type { OpenJobs } from '../jobs/jobs-options.ts'
import { openJobs } from './jobs.ts'

/**
 * Takes tasks from the queue that a fleet shares, and makes their videos. Loaded when it is called.
 * @throws RequestError for a database that cannot be shared; JobsError when it cannot be reached
 */
export async function startWorker(options: WorkerOptions, open: OpenJobs = openJobs): Promise<RunningWorker> {
  const worker = await import('../host/worker.ts')
  return await worker.startWorker(options, open)
}
