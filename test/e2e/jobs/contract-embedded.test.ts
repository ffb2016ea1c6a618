import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { DurableJobs } from '../../../src/jobs/durable-jobs.ts'
import type { EmbeddedDatabase } from '../../../src/jobs/embedded-database.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { migrate } from '../../../src/jobs/schema.ts'
import { testJobs } from '../../contract/jobs-suite.ts'
import { openEmptyDatabase } from '../../embedded-database.ts'
import { scratchFolder } from '../../scratch.ts'
import { KeptDatabase } from './kept-database.ts'

const scratch = scratchFolder()
const storage = new FolderStorage(join(scratch, 'storage'))
let database: EmbeddedDatabase
let kept: KeptDatabase

beforeAll(async () => {
  database = await openEmptyDatabase(join(scratch, 'database'))
  await database.transaction(migrate)
  kept = new KeptDatabase(database)
}, 300_000)
afterAll(async () => await database.close())

testJobs({
  name: 'tasks in a folder',
  storage,
  async open(options) {
    await database.query('TRUNCATE framewright.tasks, framewright.idempotency')
    return await DurableJobs.open(kept.open(), { storage, ...options })
  },
})
