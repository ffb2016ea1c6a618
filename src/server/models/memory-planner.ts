import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { MemoryReport, PlanMemoryOptions } from '../../engine/plan-memory.ts'
import type { MemoryView } from '../framewright/contract.ts'
import { FairGate } from '../http/fair-gate.ts'
import type { PlanMessage } from './plan-thread.ts'

/** Where and how models run, and where the files of those are that are not in one folder. */
export type PlannedDevice = Pick<PlanMemoryOptions, 'device' | 'precision' | 'files'>

export interface PlannedVideo {
  readonly model: string
  readonly width: number
  readonly height: number
  readonly frames: number
}

/** Who asks for a plan. */
export interface PlanCaller {
  readonly owner: string
  /** Aborts when nobody waits for the plan. */
  readonly signal: AbortSignal
}

/** A report is good for so long: others take and give back memory meanwhile. */
const reportMs = 30_000

const mostReports = 100

/** The thread, and the graphs that are read in it, take memory: it ends after so long without a plan. */
const idleMs = 60_000

/** What requests need of the memory of a server's device, before they are made. Plans are computed in a thread. */
export class MemoryPlanner implements AsyncDisposable {
  readonly #device: PlannedDevice
  readonly #reports = new Map<string, { readonly report: MemoryReport | undefined; readonly at: number }>()
  readonly #gate = new FairGate({ all: 1, ofOwner: 1 })
  #thread: Worker | undefined
  /** Of the plan that is computed. */
  #answer: ((report: MemoryReport | undefined) => void) | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(device: PlannedDevice) {
    this.#device = device
  }

  /** @returns undefined where the device cannot be asked, or nobody waits for the plan when its turn comes */
  async plan(video: PlannedVideo, { owner, signal }: PlanCaller): Promise<MemoryView | undefined> {
    const report = await this.#gate.run(owner, async () => {
      return signal.aborted || this.#closed ? undefined : await this.#report(video)
    })
    if (!report) return undefined
    const { device, free, plans, chosen } = report
    const { bytes, text } = plans[chosen ?? plans.length - 1]!
    return { device, bytes, ...(free !== undefined && { free }), fits: chosen !== undefined, text }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#end()
  }

  async #report({ model, width, height, frames }: PlannedVideo): Promise<MemoryReport | undefined> {
    const key = `${width}x${height} ${frames} ${model}`
    const known = this.#reports.get(key)
    if (known && performance.now() - known.at < reportMs) return known.report
    const report = await this.#compute({ ...this.#device, model, size: `${width}x${height}`, frames })
    this.#reports.delete(key)
    this.#reports.set(key, { report, at: performance.now() })
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= mostReports) break
      this.#reports.delete(oldest)
    }
    return report
  }

  /** @returns undefined, too, where the thread ends before it has answered */
  async #compute(options: PlanMemoryOptions): Promise<MemoryReport | undefined> {
    clearTimeout(this.#idle)
    const thread = this.#thread ?? this.#start()
    try {
      return await new Promise(resolve => {
        this.#answer = resolve
        thread.postMessage(options)
      })
    } finally {
      this.#idle = setTimeout(() => void this.#end(), idleMs).unref()
    }
  }

  #start(): Worker {
    // The compiled thread, also when this file runs from source.
    const thread = new Worker(createRequire(import.meta.url).resolve('#plan-thread'))
    thread.unref()
    thread.on('message', ({ report }: PlanMessage) => this.#answer?.(report))
    // An error is followed by the exit.
    thread.on('error', () => {})
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined
      this.#answer?.(undefined)
    })
    this.#thread = thread
    return thread
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }
}
