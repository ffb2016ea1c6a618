import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Gpu {
  readonly name: string
  readonly driver: string
  readonly totalBytes: number
  /** Of all programs together. */
  readonly usedBytes: number
}

export interface GpuMemory {
  /** `cuda:0` */
  readonly device: string
  /** Of all programs together. */
  readonly usedBytes: number
  readonly totalBytes: number
}

/** The memory of every GPU that nvidia-smi lists. */
export async function gpuMemory(): Promise<GpuMemory[]> {
  const gpus = await nvidiaGpus()
  return gpus.map(({ usedBytes, totalBytes }, index) => ({ device: `cuda:${index}`, usedBytes, totalBytes }))
}

/** Every GPU as nvidia-smi has it; none where there is no such program. */
export async function nvidiaGpus(): Promise<Gpu[]> {
  const query = ['--query-gpu=name,memory.total,driver_version,memory.used', '--format=csv,noheader']
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 })
    const rows = stdout.split('\n').filter(row => row.trim() !== '')
    return rows.map(row => {
      const [name = '', total = '', driver = '', used = ''] = row.split(',').map(cell => cell.trim())
      return { name, driver, totalBytes: bytesOf(total), usedBytes: bytesOf(used) }
    })
  } catch {
    return []
  }
}

/** `143771 MiB` */
function bytesOf(text: string): number {
  return Number.parseInt(text, 10) * 2 ** 20
}
