import { planModelMemory } from '../../api/models.ts'
import { resolveModel } from '../../engine/model-name.ts'
import type { MemoryReport, PlanMemoryOptions } from '../../engine/plan-memory.ts'
import type { MemoryView } from '../framewright/contract.ts'

/** Where and how models run, and where the files of those are that are not in one folder. */
export type PlannedDevice = Pick<PlanMemoryOptions, 'device' | 'precision' | 'files'>

export interface PlannedSize {
  readonly width: number
  readonly height: number
  readonly frames: number
}

/** A report is good for so long: others take and give back memory meanwhile. */
const reportMs = 30_000

const mostReports = 100

/** What requests need of the memory of a server's device, before they are made. */
export class MemoryPlanner {
  readonly #device: PlannedDevice
  readonly #reports = new Map<string, { readonly report: Promise<MemoryReport>; readonly at: number }>()

  constructor(device: PlannedDevice) {
    this.#device = device
  }

  /** @returns undefined where the device cannot be asked */
  async plan(model: string, size: PlannedSize): Promise<MemoryView | undefined> {
    const report = await this.#report(model, size).catch(() => undefined)
    if (!report) return undefined
    const { device, free, plans, chosen } = report
    const { bytes, text } = plans[chosen ?? plans.length - 1]!
    return { device, bytes, ...(free !== undefined && { free }), fits: chosen !== undefined, text }
  }

  #report(model: string, { width, height, frames }: PlannedSize): Promise<MemoryReport> {
    const key = `${width}x${height} ${frames} ${model}`
    const known = this.#reports.get(key)
    if (known && performance.now() - known.at < reportMs) return known.report
    const report = resolveModel(model).then(folder =>
      planModelMemory({ ...this.#device, model: folder, size: `${width}x${height}`, frames }),
    )
    this.#reports.delete(key)
    this.#reports.set(key, { report, at: performance.now() })
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= mostReports) break
      this.#reports.delete(oldest)
    }
    return report
  }
}
