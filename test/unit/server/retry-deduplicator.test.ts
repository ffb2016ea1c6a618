import { expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { RetryDeduplicator } from '../../../src/server/tasks/retry-deduplicator.ts'
import { scratchFolder } from '../../scratch.ts'
import { MemoryJobs } from './memory-jobs.ts'

const storage = new FolderStorage(scratchFolder())

function setUp() {
  const jobs = new MemoryJobs({ storage })
  let made = 0
  const create = async () => {
    made++
    const request = { model: 'm', generate: {} }
    const { task } = await jobs.create({ owner: 'me', api: 'runway', request, about: { fingerprint: 'f' } })
    return task
  }
  return { jobs, retries: new RetryDeduplicator(jobs), create, made: () => made }
}

const first = { owner: 'me', fingerprint: 'f', retry: 0 }

test('a retry gets the task of the first try, also while that is being made', async () => {
  const { retries, create, made } = setUp()
  const [a, b] = await Promise.all([
    retries.once(first, create),
    retries.once({ ...first, retry: 1 }, create),
  ])
  expect(b.id).toBe(a.id)
  expect(made()).toBe(1)
})

test('a retry after a restart finds the task where tasks are kept', async () => {
  const { jobs, retries, create, made } = setUp()
  const { id } = await retries.once(first, create)
  const restarted = new RetryDeduplicator(jobs)
  expect((await restarted.once({ ...first, retry: 2 }, create)).id).toBe(id)
  expect(made()).toBe(1)
  expect((await restarted.once({ ...first, fingerprint: 'g', retry: 1 }, create)).id).not.toBe(id)
})

test('a retry of what failed is a new try', async () => {
  const { retries, create } = setUp()
  await expect(retries.once(first, () => Promise.reject(new Error('full')))).rejects.toThrow('full')
  await expect(retries.once({ ...first, retry: 1 }, create)).resolves.toBeDefined()
})
