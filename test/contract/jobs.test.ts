import { FolderStorage } from '../../src/jobs/folder-storage.ts'
import { scratchFolder } from '../scratch.ts'
import { MemoryJobs } from '../unit/server/memory-jobs.ts'
import { testJobs } from './jobs-suite.ts'

const storage = new FolderStorage(scratchFolder())

// What the server's own tests run on has to keep the contract, too.
testJobs({ name: 'tasks in memory', storage, open: async options => new MemoryJobs({ storage, ...options }) })
