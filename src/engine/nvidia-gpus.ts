import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Gpu {
  readonly name: string
  readonly driver: string
  readonly totalBytes: number
  /** Of all programs together. */
  readonly usedBytes: number
  /** Compute capability: `9.0`; undefined where nvidia-smi does not tell. */
  readonly capability: string | undefined
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
  const fields = 'name,memory.total,driver_version,memory.used'
  const table = (await queryGpus(`${fields},compute_cap`)) ?? (await queryGpus(fields)) ?? ''
  const rows = table.split('\n').filter(row => row.trim() !== '')
  return rows.map(row => {
    const [name = '', total = '', driver = '', used = '', capability] = row
      .split(',')
      .map(cell => cell.trim())
    const known = /^\d+\.\d+$/.test(capability ?? '')
    return {
      ...{ name, driver, totalBytes: bytesOf(total), usedBytes: bytesOf(used) },
      capability: known ? capability : undefined,
    }
  })
}

/** Rows of cells; undefined where nvidia-smi is not there, or does not know one of the fields. */
async function queryGpus(fields: string): Promise<string | undefined> {
  const query = [`--query-gpu=${fields}`, '--format=csv,noheader']
  try {
    return (await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 })).stdout
  } catch {
    return undefined
  }
}

/** `143771 MiB` */
function bytesOf(text: string): number {
  return Number.parseInt(text, 10) * 2 ** 20
}
