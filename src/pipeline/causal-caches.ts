import type { ResidentTensor, RunResult } from './family.ts'

const nextSuffix = '.next'

/** What a chunk leaves for the following one: its output `cache.i.next` is that one's input `cache.i`. */
export function nextCaches({ residents }: RunResult): Record<string, ResidentTensor> {
  const caches = Object.entries(residents).filter(([name]) => name.endsWith(nextSuffix))
  return Object.fromEntries(caches.map(([name, cache]) => [name.slice(0, -nextSuffix.length), cache]))
}
