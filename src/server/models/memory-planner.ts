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

export interface MemoryPlannerOptions {
  /** How long a plan that nobody waits for any more may delay the next one, in milliseconds. @default 1000 */
  readonly abandonedMs?: number
}

/** What requests need of the memory of a server's device, before they are made. Plans are computed in a thread. */
export class MemoryPlanner implements AsyncDisposable {
  readonly #device: PlannedDevice
  readonly #abandonedMs: number
  readonly #reports = new Map<string, { readonly report: MemoryReport | undefined; readonly at: number }>()
  readonly #gate = new FairGate({ all: 1, ofOwner: 1 })
  #thread: Worker | undefined
  /** Of the plan that is computed. */
  #waiting: { readonly thread: Worker; readonly take: (message?: PlanMessage) => void } | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(device: PlannedDevice, { abandonedMs = 1_000 }: MemoryPlannerOptions = {}) {
    this.#device = device
    this.#abandonedMs = abandonedMs
  }

  /** @returns undefined where the device cannot be asked, or nobody waits for the plan when its turn comes */
  async plan(video: PlannedVideo, { owner, signal }: PlanCaller): Promise<MemoryView | undefined> {
    const report = await this.#gate.run(owner, async () => {
      return signal.aborted || this.#closed ? undefined : await this.#report(video, signal)
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

  async #report(
    { model, width, height, frames }: PlannedVideo,
    signal: AbortSignal,
  ): Promise<MemoryReport | undefined> {
    const key = `${width}x${height} ${frames} ${model}`
    const known = this.#reports.get(key)
    if (known && performance.now() - known.at < reportMs) return known.report
    const options = { ...this.#device, model, size: `${width}x${height}`, frames }
    const answer = await this.#compute(options, signal)
    if (!answer) return undefined
    this.#reports.delete(key)
    this.#reports.set(key, { ...answer, at: performance.now() })
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= mostReports) break
      this.#reports.delete(oldest)
    }
    return answer.report
  }

  /** @returns undefined where the thread ends before it has answered */
  async #compute(options: PlanMemoryOptions, signal: AbortSignal): Promise<PlanMessage | undefined> {
    clearTimeout(this.#idle)
    const thread = this.#thread ?? this.#start()
    let abandoned: NodeJS.Timeout | undefined
    const abandon = () => {
      abandoned = setTimeout(() => void this.#end(), this.#abandonedMs)
    }
    signal.addEventListener('abort', abandon, { once: true })
    try {
      return await new Promise(take => {
        this.#waiting = { thread, take }
        thread.postMessage(options)
      })
    } finally {
      signal.removeEventListener('abort', abandon)
      clearTimeout(abandoned)
      this.#idle = setTimeout(() => void this.#end(), idleMs).unref()
    }
  }

  #start(): Worker {
    // The compiled thread, also when this file runs from source.
    const thread = new Worker(createRequire(import.meta.url).resolve('#plan-thread'))
    thread.unref()
    const answer = (message?: PlanMessage) => {
      if (this.#waiting?.thread === thread) this.#waiting.take(message)
    }
    thread.on('message', answer)
    // An error is followed by the exit.
    thread.on('error', () => {})
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined
      answer()
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
