import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'

/** Bytes that the machine has, or that a container's limit leaves of it. */
export function totalHostMemory(): number {
  return Math.min(totalmem(), containerLimit())
}

/** Bytes that the machine has free, what it can drop of its caches among them, or what a container's limit leaves of it. */
export function freeHostMemory(): number {
  const [free, limit] = [machineBytes(), containerLimit()]
  return limit < totalmem() ? Math.min(free, limit - process.memoryUsage.rss()) : free
}

function containerLimit(): number {
  return process.constrainedMemory() || Number.POSITIVE_INFINITY
}

function machineBytes(): number {
  try {
    const [, kib] = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return kib ? Number(kib) * 1024 : freemem()
  } catch {
    return freemem()
  }
}
