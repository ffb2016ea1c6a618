import { readFileSync } from 'node:fs'

/** Bytes of this process, of `/proc/self/smaps`. */
export interface ProcessMemory {
  /** Of this process alone, mapped files that it has read included: Private_Clean and Private_Dirty. */
  readonly privateBytes: number
  /** Behind no file: what cannot be dropped and read again. */
  readonly anonymousBytes: number
  /** Of one file, in memory. */
  readonly mappedBytes: number
}

/** @param file whose mapped pages are counted */
export function processMemory(file: string): ProcessMemory {
  const sums = { Private_Clean: 0, Private_Dirty: 0, Anonymous: 0, mapped: 0 }
  let isFile = false
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, field, kilobytes] = /^(\w+): +(\d+) kB$/.exec(line) ?? []
    if (field === undefined) {
      if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isFile = line.endsWith(file)
      continue
    }
    const bytes = 1024 * Number(kilobytes)
    if (field === 'Rss' && isFile) sums.mapped += bytes
    if (field in sums) sums[field as keyof typeof sums] += bytes
  }
  return {
    privateBytes: sums.Private_Clean + sums.Private_Dirty,
    anonymousBytes: sums.Anonymous,
    mappedBytes: sums.mapped,
  }
}
