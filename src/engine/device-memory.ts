import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { BackendError } from '../errors.ts'
import { elementLimit } from '../graph/session-memory.ts'
import type { MemoryPlan, Residency } from '../pipeline/memory-plan.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import type { Device } from '../runtime/device.ts'
import type { VideoLane } from './lane-pool.ts'
import {
  estimateTolerance,
  type MemoryEstimator,
  type PlanEstimate,
  type RequestEstimates,
} from './memory-estimate.ts'
import { nvidiaGpus } from './nvidia-gpus.ts'

export interface MemoryChoice {
  readonly estimate: PlanEstimate
  /** What to go over to when the memory runs out all the same, from the largest on. */
  readonly smaller: readonly MemoryPlan[]
}

/**
 * The first plan that fits, of those whose tensors all kernels can count, or the smallest one where it may fit as far as an estimate can be trusted; undefined where
 * none does.
 * @param free bytes; undefined where that is not known, for the first plan
 */
export async function choosePlan(
  { plans, estimate }: RequestEstimates,
  free: number | undefined,
): Promise<MemoryChoice | { readonly smallest: PlanEstimate }> {
  let last: PlanEstimate | undefined
  for (const [index, plan] of plans.entries()) {
    last = await estimate(plan)
    if (last.elements > elementLimit) continue
    if (free === undefined || last.bytes <= free) return { estimate: last, smaller: plans.slice(index + 1) }
  }
  const smallest = last!
  return smallest.bytes * (1 - estimateTolerance) > free! ? { smallest } : { estimate: smallest, smaller: [] }
}

/** The memory of one device, which an engine's lanes share. */
export class DeviceMemory {
  readonly #device: Device
  readonly #estimator: MemoryEstimator
  readonly #residencies: readonly Residency[] | undefined
  readonly #limit: number | undefined
  readonly #pairs: boolean
  readonly #rssAtStart = process.memoryUsage.rss()
  /** Bytes that lanes have or are about to take. */
  readonly #taken = new Map<VideoLane, number>()
  /** Of those, what their sessions still hold after a video. */
  readonly #held = new Map<VideoLane, number>()

  /**
   * @param options.residencies those that may be chosen from; all by default
   * @param options.pairs whether both branches of guidance run on the device at once
   * @param options.limit bytes that may be used; what is free by default
   */
  constructor(
    device: Device,
    estimator: MemoryEstimator,
    options: {
      readonly residencies?: readonly Residency[] | undefined
      readonly limit?: number | undefined
      readonly pairs?: boolean
    },
  ) {
    this.#device = device
    this.#estimator = estimator
    this.#residencies = options.residencies
    this.#limit = options.limit
    this.#pairs = options.pairs ?? false
  }

  /**
   * Chooses how a lane is to make a video in the memory that others leave it.
   * @throws BackendError `runtime/memory` for a request that cannot fit, before anything is loaded
   */
  async admit(lane: VideoLane, plan: GeneratePlan): Promise<void> {
    const free = await this.#freeFor(lane)
    const estimates = this.#estimator.request(plan, this.#residencies)
    const choice = await choosePlan(this.#pairs ? withSecondBranch(estimates) : estimates, free)
    if ('smallest' in choice) throw tooLarge(choice.smallest, free!)
    this.#taken.set(lane, choice.estimate.bytes)
    lane.applyMemoryPlan(choice.estimate.plan, choice.smaller)
    this.#held.set(lane, choice.estimate.heldBytes)
  }

  /** The lane has made its video: it holds what its sessions hold. */
  settle(lane: VideoLane): void {
    this.#taken.set(lane, lane.open.length === 0 ? 0 : (this.#held.get(lane) ?? 0))
  }

  async #freeFor(lane: VideoLane): Promise<number | undefined> {
    const free = this.#limit ?? (await freeMemory(this.#device))
    if (free === undefined) return undefined
    const others = [...this.#taken].flatMap(([other, bytes]) => (other === lane ? [] : bytes))
    const taken = others.reduce((sum, bytes) => sum + bytes, 0)
    return free + (this.#limit === undefined ? this.#used(lane, taken) : 0) - taken
  }

  /** What this engine has of what is not free. On a CPU all of it is in this process. */
  #used(lane: VideoLane, taken: number): number {
    if (this.#device.type === 'cpu') return Math.max(0, process.memoryUsage.rss() - this.#rssAtStart)
    return taken + (this.#taken.get(lane) ?? 0)
  }
}

/** With a second transformer on the same device. */
function withSecondBranch({ plans, estimate }: RequestEstimates): RequestEstimates {
  return {
    plans,
    estimate: async plan => {
      const { denoising, decoding, ...rest } = await estimate(plan)
      const kept = plan.residency === 'release' ? 0 : denoising
      const both = { denoising: 2 * denoising, decoding: decoding + kept }
      return { ...rest, ...both, bytes: Math.max(rest.conditioning, both.denoising, both.decoding) }
    },
  }
}

function tooLarge({ bytes }: PlanEstimate, free: number): BackendError {
  const gib = (count: number) => `${(count / 2 ** 30).toFixed(1)} GiB`
  return new BackendError('runtime/memory', {
    subject: 'request',
    expected: `about ${gib(bytes)} of free memory`,
    got: gib(free),
    advice:
      'Make fewer frames or a smaller size, or free memory: "framewright inspect --plan" shows what takes it.',
  })
}

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
