import { afterAll, beforeAll } from 'vitest'
import { FolderStorage } from '../../src/jobs/folder-storage.ts'
import { openJobs } from '../../src/jobs/open-jobs.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { scratchFolder } from '../scratch.ts'
import { testJobs } from './jobs-suite.ts'

const storage = new FolderStorage(scratchFolder())
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
}, 120_000)
afterAll(async () => await server[Symbol.asyncDispose]())

testJobs({
  name: 'tasks on a PostgreSQL server',
  storage,
  async open(options) {
    return (await openJobs({ database: await server.createDatabase(), storage, ...options })).jobs
  },
})
