/** The PostgreSQL server that the files of a run have together: its folder is there before them and gone after them. */
import type { TestProject } from 'vitest/node'
import { postgresFolder, removePostgres } from './postgres-server.ts'

export function setup(project: TestProject): () => Promise<void> {
  const folder = postgresFolder()
  project.provide('postgresFolder', folder)
  return async () => await removePostgres(folder)
}
