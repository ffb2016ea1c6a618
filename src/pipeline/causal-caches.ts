import type { ResidentTensor, RunResult } from './family.ts'

const nextSuffix = '.next'

/** Whether an output is what a chunk leaves for the following one. */
export function isCache(output: string): boolean {
  return output.endsWith(nextSuffix)
}

/** The output that follows an input that is a cache. */
export function nextName(cache: string): string {
  return `${cache}${nextSuffix}`
}

/** What a chunk leaves for the following one: its output `cache.i.next` is that one's input `cache.i`. */
export function nextCaches({ residents }: RunResult): Record<string, ResidentTensor> {
  const caches = Object.entries(residents).filter(([name]) => isCache(name))
  return Object.fromEntries(caches.map(([name, cache]) => [name.slice(0, -nextSuffix.length), cache]))
}
