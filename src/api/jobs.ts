import type { JobsOptions, OpenedJobs } from '../jobs/jobs-options.ts'

/**
 * Opens the tasks that are kept in a folder, by one process at a time, or on a PostgreSQL server, by many.
 * @throws JobsError when the database cannot be reached or opened
 */
export async function openJobs(options: JobsOptions): Promise<OpenedJobs> {
  const jobs = await import('../jobs/open-jobs.ts')
  return await jobs.openJobs(options)
}
