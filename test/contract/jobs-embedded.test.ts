import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Database } from '../../src/jobs/database.ts'
import { DurableJobs } from '../../src/jobs/durable-jobs.ts'
import type { EmbeddedDatabase } from '../../src/jobs/embedded-database.ts'
import { FolderStorage } from '../../src/jobs/folder-storage.ts'
import { migrate } from '../../src/jobs/schema.ts'
import { openEmptyDatabase } from '../embedded-database.ts'
import { scratchFolder } from '../scratch.ts'
import { testJobs } from './jobs-suite.ts'

const scratch = scratchFolder()
const storage = new FolderStorage(join(scratch, 'storage'))
let database: EmbeddedDatabase

// Making a database takes longer than everything that is done to it here: it is made once, and emptied.
beforeAll(async () => {
  database = await openEmptyDatabase(join(scratch, 'database'))
  await database.transaction(migrate)
}, 300_000)
afterAll(async () => await database.close())

testJobs({
  name: 'tasks in a folder',
  storage,
  async open(options) {
    await database.query('TRUNCATE framewright.tasks, framewright.idempotency')
    const kept: Database = {
      embedded: true,
      query: (text, values) => database.query(text, values),
      transaction: work => database.transaction(work),
      listen: (channel, onMessage) => database.listen(channel, onMessage),
      close: async () => {},
    }
    return await DurableJobs.open(kept, { storage, ...options })
  },
})
