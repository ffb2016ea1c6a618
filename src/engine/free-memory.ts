/** How much memory a device has free. */
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import type { Device } from '../runtime/backend.ts'
import { nvidiaGpus } from './nvidia-gpus.ts'

/** Bytes that are free; undefined for a GPU that nothing can be asked about. */
export async function freeMemory(device: Device): Promise<number | undefined> {
  return device.type === 'cpu' ? freeHostMemory() : await freeGpuMemory(device.index)
}

/** What the machine has free, or what a container's limit leaves of it. */
function freeHostMemory(): number {
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(machineBytes(), limit - process.memoryUsage.rss())
}

function machineBytes(): number {
  try {
    const [, kib] = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return kib ? Number(kib) * 1024 : freemem()
  } catch {
    return freemem()
  }
}

/** Of the GPU that nvidia-smi has at that place. */
async function freeGpuMemory(index: number): Promise<number | undefined> {
  const gpu = (await nvidiaGpus())[index]
  return gpu && gpu.totalBytes - gpu.usedBytes
}
