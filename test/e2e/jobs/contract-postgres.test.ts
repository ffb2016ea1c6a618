import { afterAll, beforeAll } from 'vitest'
import { DurableJobs } from '../../../src/jobs/durable-jobs.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { PostgresDatabase } from '../../../src/jobs/postgres-database.ts'
import { migrate } from '../../../src/jobs/schema.ts'
import { testJobs } from '../../contract/jobs-suite.ts'
import { postgresOfRun } from '../../postgres-server.ts'
import { scratchFolder } from '../../scratch.ts'
import { KeptDatabase } from './kept-database.ts'

const storage = new FolderStorage(scratchFolder())
let database: PostgresDatabase
let kept: KeptDatabase

beforeAll(async () => {
  const address = await (await postgresOfRun()).createDatabase({ empty: true })
  database = await PostgresDatabase.open(address, error => {
    throw error
  })
  await database.transaction(migrate)
  kept = new KeptDatabase(database)
}, 120_000)
afterAll(async () => await database.close())

testJobs({
  name: 'tasks on a PostgreSQL server',
  storage,
  async open(options) {
    await database.query('TRUNCATE framewright.tasks, framewright.idempotency')
    return await DurableJobs.open(kept.open(), { storage, ...options })
  },
})
