import { totalmem } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { freeHostMemory, totalHostMemory } from '../../src/host-memory.ts'

afterEach(() => vi.restoreAllMocks())

test('a limit of a container leaves what the process does not have of it yet', () => {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(5000)
  vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(3000)
  expect(totalHostMemory()).toBe(5000)
  expect(freeHostMemory()).toBe(2000)
})

test('a limit that the machine does not reach counts for nothing', () => {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(2 * totalmem())
  // Pages of mapped weights are of the process, and can be dropped.
  vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(2 * totalmem() - 1)
  expect(totalHostMemory()).toBe(totalmem())
  expect(freeHostMemory()).toBeGreaterThan(1)
})
