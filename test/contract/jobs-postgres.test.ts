import { beforeAll } from 'vitest'
import { FolderStorage } from '../../src/jobs/folder-storage.ts'
import { openJobs } from '../../src/jobs/open-jobs.ts'
import { postgresOfRun, sql } from '../postgres-server.ts'
import { scratchFolder } from '../scratch.ts'
import { testJobs } from './jobs-suite.ts'

const storage = new FolderStorage(scratchFolder())
let database: string
let opened = false

// Making a database takes longer than most of what is done to it here: it is made once, and emptied.
beforeAll(async () => {
  database = await (await postgresOfRun()).createDatabase()
}, 120_000)

testJobs({
  name: 'tasks on a PostgreSQL server',
  storage,
  async open(options) {
    if (opened) await sql(database, 'TRUNCATE framewright.tasks, framewright.idempotency')
    opened = true
    return (await openJobs({ database, storage, ...options })).jobs
  },
})
