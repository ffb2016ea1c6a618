import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Gpu {
  readonly name: string
  /** `143771 MiB` */
  readonly memory: string
  readonly driver: string
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
  return gpus.map(({ memory, usedBytes }, index) => {
    return { device: `cuda:${index}`, usedBytes, totalBytes: Number.parseInt(memory, 10) * 2 ** 20 }
  })
}

/** Every GPU as nvidia-smi has it; none where there is no such program. */
export async function nvidiaGpus(): Promise<Gpu[]> {
  const query = ['--query-gpu=name,memory.total,driver_version,memory.used', '--format=csv,noheader']
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 })
    const rows = stdout.split('\n').filter(row => row.trim() !== '')
    return rows.map(row => {
      const [name = '', memory = '', driver = '', used = ''] = row.split(',').map(cell => cell.trim())
      return { name, memory, driver, usedBytes: Number.parseInt(used, 10) * 2 ** 20 }
    })
  } catch {
    return []
  }
}
